import { AlphapoError } from '@alphapo/base';
import { silentLogger } from '../logger.ts';
import type { MembershipListener, TransformBackend } from './backend.ts';
import { runTransform } from './loop.ts';

const UNAVAILABLE = new AlphapoError('unavailable', 'KAFKA_UNAVAILABLE', 'the broker is away');
const REFUSED = new AlphapoError('failed-precondition', 'KAFKA_REFUSED', 'wrong password');

/** A group whose memberships end as told; no partition is ever assigned. */
function group(failures: readonly ('join' | 'membership' | undefined)[], error: AlphapoError) {
  const listeners: MembershipListener[] = [];
  const left: number[] = [];
  const backend: TransformBackend = {
    async join(listener) {
      const number = listeners.push(listener);
      if (failures[number - 1] === 'join') throw error;
      if (failures[number - 1] === 'membership') setImmediate(() => listener.lost(error));
      return { [Symbol.asyncDispose]: async () => void left.push(number) };
    },
    open: () => Promise.reject(new Error('no partition was assigned')),
  };
  return { backend, listeners, left };
}

const run = (backend: TransformBackend, signal: AbortSignal) =>
  runTransform(backend, { group: 'g', topic: 't', signal, handle: async () => {} }, silentLogger);

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
};

test('a membership that ends or does not begin because the log is away is taken up again, as often as it takes', async () => {
  const { backend, listeners, left } = group(['join', 'membership', 'join', 'membership', undefined], UNAVAILABLE);
  const stop = new AbortController();
  const running = run(backend, stop.signal);
  await until(() => listeners.length === 5);
  expect(left).toEqual([2, 4]);
  stop.abort();
  await running;
  expect(left).toEqual([2, 4, 5]);
});

test('a membership that ends for good ends the transform with its error', async () => {
  const { backend, left } = group(['membership'], REFUSED);
  await expect(run(backend, new AbortController().signal)).rejects.toBe(REFUSED);
  expect(left).toEqual([1]);
});

test('a first membership that is refused for good ends the transform', async () => {
  const { backend } = group(['join'], REFUSED);
  await expect(run(backend, new AbortController().signal)).rejects.toBe(REFUSED);
});
