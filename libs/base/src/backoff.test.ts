import { Backoff } from './backoff.ts';

test('waits double up to the longest, and start again after a success', () => {
  const backoff = new Backoff(100, 1_000);
  expect([1, 2, 3, 4, 5, 6].map(() => backoff.failed())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  backoff.succeeded();
  expect(backoff.failed()).toBe(100);
});

test('the wait stays finite however often it fails', () => {
  const backoff = new Backoff(1, 30_000);
  for (let i = 0; i < 5_000; i++) backoff.failed();
  expect(backoff.failed()).toBe(30_000);
});
