import { unlessAborted, untilAborted, within } from './waiting.ts';

const never = new Promise<never>(() => {});

test('work is waited for until the signal aborts', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(Promise.resolve(1), signal)).toBe(1);
  expect(await unlessAborted(Promise.resolve(1), undefined)).toBe(1);
  await expect(unlessAborted(Promise.reject(new Error('failed')), signal)).rejects.toThrow('failed');
  const leaving = new AbortController();
  const left = unlessAborted(never, leaving.signal);
  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  await expect(unlessAborted(never, leaving.signal)).rejects.toThrow('left');
});

test('work is waited for until the time is over', async () => {
  expect(await within(1_000, Promise.resolve(1), () => 'late')).toBe(1);
  expect(await within(10, never, () => 'late')).toBe('late');
  const refuse = () => {
    throw new Error('too late');
  };
  await expect(within(10, never, refuse)).rejects.toThrow('too late');
  await expect(within(1_000, Promise.reject(new Error('failed')), refuse)).rejects.toThrow('failed');
});

test('work that fails after nobody waits for it any more disturbs nobody', async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  const leaving = new AbortController();
  const left = unlessAborted(promise, leaving.signal);
  const late = within(10, promise, () => 'late');
  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  expect(await late).toBe('late');
  reject(new Error('failed'));
  await new Promise((resolve) => setTimeout(resolve, 10));
});

test('waiting for a signal ends with it, or with the reason of what broke before', async () => {
  const [stop, broken] = [new AbortController(), new AbortController()];
  const waiting = untilAborted(stop.signal, broken.signal);
  stop.abort();
  await expect(waiting).resolves.toBeUndefined();
  const again = untilAborted(new AbortController().signal, broken.signal);
  broken.abort(new Error('the engine is dead'));
  await expect(again).rejects.toThrow('the engine is dead');
  await expect(untilAborted(stop.signal, broken.signal)).rejects.toThrow('the engine is dead');
});
