import { ShardPace } from './shard-pace.ts';

test('while no shard was computed none takes too long', () => {
  expect(new ShardPace().hedgeAfterMs(1000)).toBe(Number.POSITIVE_INFINITY);
});

test('a shard takes too long after three times what its tokens take, by the median', () => {
  const pace = new ShardPace();
  for (const durationMs of [2_000, 2_000, 100_000]) pace.add(1000, durationMs);
  expect(pace.hedgeAfterMs(500)).toBe(3_000);
});

test('shards that are fast get a second', () => {
  const pace = new ShardPace();
  pace.add(1000, 5);
  expect(pace.hedgeAfterMs(1000)).toBe(1_000);
});

test('the pace is that of the last shards', () => {
  const pace = new ShardPace();
  for (let i = 0; i < 64; i++) pace.add(1, 10_000);
  for (let i = 0; i < 64; i++) pace.add(1, 1_000);
  expect(pace.hedgeAfterMs(1)).toBe(3_000);
});
