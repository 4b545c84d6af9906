import { ResourceCache } from './resource-cache.ts';

/** A cache of things that note when they are made and disposed. */
function noted(limit: number) {
  const made: string[] = [];
  const disposed: string[] = [];
  const cache = new ResourceCache<{ key: string } & AsyncDisposable>(limit);
  const acquire = (key: string) =>
    cache.acquire(key, async () => {
      made.push(key);
      return { key, [Symbol.asyncDispose]: async () => void disposed.push(key) };
    });
  const use = async (key: string) => {
    using _ = await acquire(key);
  };
  return { cache, made, disposed, acquire, use };
}

test('a resource is made once, and the least recently used one makes room', async () => {
  const { made, disposed, use } = noted(2);
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await use(key);
  expect(made).toEqual(['a', 'b', 'c', 'b']);
  expect(disposed).toEqual(['b', 'c']);
});

test('a resource in use is not disposed until it is released and room is needed', async () => {
  const { disposed, acquire, use } = noted(1);
  const held = await acquire('a');
  await use('b');
  await use('c');
  expect(disposed).toEqual(['b']);
  held[Symbol.dispose]();
  await use('d');
  expect(disposed.sort()).toEqual(['a', 'b', 'c']);
});

test('concurrent requests get the same resource', async () => {
  const { made, acquire } = noted(2);
  const [first, second] = await Promise.all([acquire('a'), acquire('a')]);
  expect(first?.value).toBe(second?.value);
  expect(made).toEqual(['a']);
});

test('a resource that could not be created is tried again', async () => {
  const { cache, use, made } = noted(1);
  const failing = () => Promise.reject(new Error('no memory'));
  await expect(cache.acquire('a', failing)).rejects.toThrow('no memory');
  await use('a');
  expect(made).toEqual(['a']);
});

test('a cache that is closed disposes all that it keeps', async () => {
  const { cache, disposed, use } = noted(3);
  for (const key of ['a', 'b']) await use(key);
  await cache[Symbol.asyncDispose]();
  expect(disposed).toEqual(['a', 'b']);
});
