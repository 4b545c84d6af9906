import { readAhead } from './read-ahead.ts';

test('the next element is asked for while one is worked on, and no further one', async () => {
  const made: number[] = [];
  const source = async function* () {
    for (let i = 0; i < 4; i++) {
      made.push(i);
      yield i;
    }
  };
  for await (const i of readAhead(source())) {
    await new Promise(setImmediate);
    expect(made).toHaveLength(Math.min(i + 2, 4));
  }
});

test('a failure is told after the elements before it', async () => {
  const source = async function* () {
    yield 1;
    throw new Error('broken');
  };
  const seen: number[] = [];
  const reading = (async () => {
    for await (const i of readAhead(source())) {
      await new Promise(setImmediate);
      seen.push(i);
    }
  })();
  await expect(reading).rejects.toThrow('broken');
  expect(seen).toEqual([1]);
});

test('leaving early ends the source without waiting for it', async () => {
  const stop = new AbortController();
  const ended = Promise.withResolvers<void>();
  const source = async function* () {
    try {
      yield 1;
      await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
      yield 2;
    } finally {
      ended.resolve();
    }
  };
  for await (const _ of readAhead(source())) break;
  stop.abort();
  await ended.promise;
});
