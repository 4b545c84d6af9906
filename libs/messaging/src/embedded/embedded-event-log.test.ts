import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { numbered, text, until, valuesOf } from '../../../../test/integration/messaging-contract.ts';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';
import { Database } from './database.ts';
import { openEmbeddedEventLog } from './embedded-event-log.ts';
import { openSession } from './session.ts';
import { Store } from './store.ts';

const run = promisify(execFile);
const { signal } = new AbortController();

async function logPath(): Promise<string> {
  return join(await temporaryFolder(), 'events.db');
}

test('what was appended is there after the file is opened again', async () => {
  const path = await logPath();
  {
    await using log = openEmbeddedEventLog({ path });
    await log.ensureTopics([{ name: 't', partitions: 1 }]);
    await log.append(numbered('t', 3));
  }
  await using log = openEmbeddedEventLog({ path });
  expect(await valuesOf(log, 't')).toEqual(['v0', 'v1', 'v2']);
});

test('a reader hears of what another process appends', async () => {
  const path = await logPath();
  await using log = openEmbeddedEventLog({ path });
  await log.ensureTopics([{ name: 't', partitions: 1 }]);
  const stop = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const records of log.read('t', 0, 0n, { signal: stop.signal })) seen.push(...records.map(text));
  })();
  const script = `
    import { openEmbeddedEventLog } from ${JSON.stringify(join(import.meta.dirname, 'embedded-event-log.ts'))};
    await using log = openEmbeddedEventLog({ path: ${JSON.stringify(path)} });
    await log.append([{ topic: 't', partition: 0, value: 'from elsewhere' }]);`;
  await run(process.execPath, ['--input-type=module', '-e', script]);
  await until(() => seen.length === 1, 'the record of the other process');
  stop.abort();
  await following;
  expect(seen).toEqual(['from elsewhere']);
});

test('a log in memory ends with its instance', async () => {
  for (let i = 0; i < 2; i++) {
    await using log = openEmbeddedEventLog({ path: ':memory:' });
    await log.ensureTopics([{ name: 't', partitions: 1 }]);
    expect(await valuesOf(log, 't')).toEqual([]);
    await log.append(numbered('t', 1));
  }
});

test('an append with a bad record leaves nothing of the others', async () => {
  await using log = openEmbeddedEventLog({ path: ':memory:' });
  await log.ensureTopics([{ name: 't', partitions: 1 }]);
  await expect(log.append([...numbered('t', 2), ...numbered('t', 1, 7)])).rejects.toMatchObject({
    reason: 'PARTITION_NOT_FOUND',
  });
  expect(await log.bounds('t', 0)).toEqual({ first: 0n, next: 0n });
});

test('records expire when the topic is ensured again, and reading before them is refused', async () => {
  const path = await logPath();
  const topic = { name: 't', partitions: 1, retentionMs: 50 };
  await using log = openEmbeddedEventLog({ path });
  await log.ensureTopics([topic]);
  await log.append(numbered('t', 3));
  await sleep(80);
  await log.append(numbered('t', 1, 0, 'young'));
  await log.ensureTopics([topic]);
  expect(await log.bounds('t', 0)).toEqual({ first: 3n, next: 4n });
  await expect(valuesOf(log, 't', 0, 0n)).rejects.toMatchObject({ reason: 'OFFSET_OUT_OF_RANGE' });
});

test('a partition that is taken over refuses the commit of its former owner', async () => {
  using database = new Database(':memory:');
  const store = new Store(database);
  for (const name of ['in', 'out']) store.ensureTopic({ name, partitions: 1 });
  store.append(numbered('in', 10));
  const zombie = openSession(store, 'group', 'in', 0);
  expect(await zombie.fetch(0, signal)).toHaveLength(10);
  await zombie.commit(numbered('out', 1), 4n);
  const owner = openSession(store, 'group', 'in', 0);
  await expect(zombie.commit(numbered('out', 1), 10n)).rejects.toMatchObject({ reason: 'FENCED' });
  expect((await owner.fetch(0, signal)).map(text)[0]).toBe('v4');
  expect(store.bounds('out', 0).next).toBe(1n);
});

test('a file of another version is refused', async () => {
  const path = await logPath();
  const other = new DatabaseSync(path);
  other.exec('PRAGMA user_version = 99');
  other.close();
  expect(() => openEmbeddedEventLog({ path })).toThrow(/version 99/);
});

test('what follows a heartbeat, which waits for no disk, is on the disk before it returns', () => {
  using database = new Database(':memory:');
  const synchronous = () => database.get('PRAGMA synchronous')?.synchronous;
  const full = synchronous();
  database.volatileTransaction(() => expect(synchronous()).toBe(1));
  expect(() =>
    database.volatileTransaction(() => {
      throw new Error('no heartbeat');
    }),
  ).toThrow('no heartbeat');
  expect([full, synchronous()]).toEqual([2, 2]);
});
