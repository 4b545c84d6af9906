import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Asking } from './health-asker.fixture.ts';
import { HealthClient } from './health-client.ts';
import { HealthThread } from './health-thread.ts';
import { DEFAULT_LIMITS } from './limits.ts';

/** Blocks this thread until another one is answered what is wanted; false where that does not come. */
async function blockedUntil(address: string, wanted: string): Promise<boolean> {
  const found = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const asker = new Worker(new URL('./health-asker.fixture.ts', import.meta.url), {
    workerData: { address, wanted, found } satisfies Asking,
  });
  await once(asker, 'online');
  const woken = Atomics.wait(found, 0, 0, 10_000);
  await asker.terminate();
  return woken !== 'timed-out';
}

const open = (stalledMs?: number) => HealthThread.open('127.0.0.1:0', ['a.Service'], DEFAULT_LIMITS, stalledMs);

test('health is answered while the main thread is busy', async () => {
  using health = await open();
  expect(await blockedUntil(health.address, 'SERVING')).toBe(true);
});

test('a main thread that hangs is not serving, and is again when it goes on', async () => {
  using health = await open(300);
  expect(await blockedUntil(health.address, 'NOT_SERVING')).toBe(true);
  using client = new HealthClient(health.address);
  while ((await client.check()) !== 'SERVING');
});

test('what the main thread says is answered', async () => {
  using health = await open();
  using client = new HealthClient(health.address);
  expect(await client.check()).toBe('SERVING');
  health.setServing(false);
  while ((await client.check()) !== 'NOT_SERVING');
});

test('an address that is taken is refused by name', async () => {
  using health = await open();
  const second = HealthThread.open(health.address, [], DEFAULT_LIMITS);
  await expect(second).rejects.toMatchObject({ code: 'unavailable', reason: 'ADDRESS_IN_USE' });
});

test('a thread that ends by itself is followed by another, which says the same', () => {
  const script = fileURLToPath(new URL('./health-restart.fixture.ts', import.meta.url));
  const said = execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', script], { timeout: 30_000 });
  expect(said.toString().trim()).toBe('NOT_SERVING');
});
