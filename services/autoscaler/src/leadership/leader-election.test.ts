import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@alphapo/telemetry';
import { MemoryLease } from '../cluster.fixture.ts';
import { type Leadership, standForElection } from './leader-election.ts';

const TIMING = { leaseMs: 1_200, renewDeadlineMs: 800, retryMs: 50 };
const logger = createLogger({ service: 'test', level: 'silent' });

const replicas: Replica[] = [];
afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.end().catch(() => {});
});

/** A replica that stands for election; says when it leads. */
class Replica {
  readonly stop = new AbortController();
  readonly done: Promise<void>;
  leadership: Leadership | undefined;
  terms = 0;

  constructor(lease: MemoryLease, identity: string, lead?: (leadership: Leadership) => Promise<void>) {
    replicas.push(this);
    const run = async (leadership: Leadership) => {
      this.terms++;
      this.leadership = leadership;
      if (lead !== undefined) return lead(leadership);
      if (!leadership.signal.aborted) await once(leadership.signal, 'abort');
    };
    this.done = standForElection(
      { store: lease.for(identity), identity, timing: TIMING, logger },
      run,
      this.stop.signal,
    );
  }

  get leads(): boolean {
    try {
      this.leadership?.assertHeld();
      return this.leadership !== undefined;
    } catch {
      return false;
    }
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.done;
  }
}

async function until(holds: () => boolean, withinMs = 5_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it did not come to hold');
    await sleep(5);
  }
}

test('one of two leads; when it stops it gives the lease back, and the other one leads at once', async () => {
  const lease = new MemoryLease();
  const first = new Replica(lease, 'a');
  await until(() => first.leads);
  const second = new Replica(lease, 'b');
  await sleep(2 * TIMING.leaseMs);
  expect([first.leads, second.leads, second.terms]).toEqual([true, false, 0]);
  const stopped = performance.now();
  await first.end();
  expect(lease.lease?.holder).not.toBe('a');
  await until(() => second.leads);
  expect(performance.now() - stopped).toBeLessThan(TIMING.leaseMs);
  expect(lease.lease?.transitions).toBe(1);
  await second.end();
});

test('a leader that cannot renew gives up before another one may follow, and stands again', async () => {
  const lease = new MemoryLease();
  const first = new Replica(lease, 'a');
  await until(() => first.leads);
  const second = new Replica(lease, 'b');
  let overlap = false;
  const watch = setInterval(() => {
    overlap ||= first.leads && second.leads;
  }, 1).unref();
  lease.cutOff.add('a');
  await until(() => !first.leads);
  await until(() => first.leadership?.signal.aborted === true);
  expect(second.leads).toBe(false);
  await until(() => second.leads);
  lease.cutOff.delete('a');
  await sleep(TIMING.leaseMs);
  expect([first.leads, second.leads]).toEqual([false, true]);
  await second.end();
  await until(() => first.leads);
  expect(first.terms).toBe(2);
  clearInterval(watch);
  expect(overlap).toBe(false);
  await first.end();
});

test('a holder that died is waited for as long as its lease says, by this clock, whatever the times in it are', async () => {
  const lease = new MemoryLease();
  const future = new Date(Date.now() + 3_600_000);
  const dead = { holder: 'dead', durationMs: TIMING.leaseMs, acquiredAt: future, renewedAt: future, transitions: 4 };
  lease.lease = { ...dead, version: '1' };
  const started = performance.now();
  const replica = new Replica(lease, 'a');
  await until(() => replica.leads);
  expect(performance.now() - started).toBeGreaterThanOrEqual(TIMING.leaseMs);
  expect(lease.lease).toMatchObject({ holder: 'a', transitions: 5 });
  await replica.end();
});

test('of many that start at once, one leads', async () => {
  const lease = new MemoryLease();
  const many = Array.from({ length: 8 }, (_, i) => new Replica(lease, `replica-${i}`));
  await until(() => many.some(({ leads }) => leads));
  await sleep(5 * TIMING.retryMs);
  expect(many.filter(({ leads }) => leads)).toHaveLength(1);
  await Promise.all(many.map((replica) => replica.end()));
});

test('what leading fails with comes out, and the lease is given back', async () => {
  const lease = new MemoryLease();
  const replica = new Replica(lease, 'a', () => Promise.reject(new Error('broken')));
  await expect(replica.done).rejects.toThrow('broken');
  expect(lease.lease?.holder).toBe('');
});
