import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, LogRecord, OutgoingRecord, PartitionTask } from '@alphapo/messaging';

/** Long enough for a rebalance, short enough for a test to fail before Jest's own limit. */
const PATIENCE_MS = 30_000;

let topics = 0;
/** A topic or group name that no other test uses. */
export function unique(name: string): string {
  return `${name}-${process.pid}-${Date.now().toString(36)}-${topics++}`;
}

export async function createTopic(log: EventLog, partitions = 1): Promise<string> {
  const name = unique('topic');
  await log.ensureTopics([{ name, partitions, retentionMs: 'forever' }]);
  return name;
}

/** Does work while the time of day is another one, as after a step of the system's clock. */
export async function withClockMoved<T>(byMs: number, work: () => Promise<T>): Promise<T> {
  const real = Date.now;
  Date.now = () => real() + byMs;
  try {
    return await work();
  } finally {
    Date.now = real;
  }
}

export function text(record: LogRecord): string {
  return new TextDecoder().decode(record.value ?? new Uint8Array());
}

/** All values of a partition from an offset to its end. */
export async function valuesOf(log: EventLog, topic: string, partition = 0, from?: bigint): Promise<string[]> {
  const start = from ?? (await log.bounds(topic, partition)).first;
  const values: string[] = [];
  const signal = AbortSignal.timeout(PATIENCE_MS);
  for await (const records of log.read(topic, partition, start, { signal, stop: 'at-end' })) {
    values.push(...records.map(text));
  }
  return values;
}

/** The values once at least `count` are there: what a transaction wrote may be seen a moment after it committed. */
export async function valuesSoon(log: EventLog, topic: string, count: number, partition = 0): Promise<string[]> {
  await until(async () => (await valuesOf(log, topic, partition)).length >= count, `${count} values in ${topic}`);
  return valuesOf(log, topic, partition);
}

export function numbered(topic: string, count: number, partition = 0, prefix = 'v'): OutgoingRecord[] {
  return Array.from({ length: count }, (_, i) => ({ topic, partition, value: `${prefix}${i}` }));
}

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await sleep(20);
  }
}

/** Copies records one to one into partition 0 of `output`, in batches of `size`, flushing what is left when idle. */
export function copyingTask(
  output: string,
  size: number,
  beforeCommit: (batch: readonly LogRecord[]) => void = () => {},
) {
  return async (task: PartitionTask): Promise<void> => {
    let held: LogRecord[] = [];
    const flush = async (batch: readonly LogRecord[]) => {
      beforeCommit(batch);
      const outputs = batch.map((record) => ({
        topic: output,
        partition: 0,
        value: `${task.partition}:${text(record)}`,
      }));
      await task.commit({ outputs, nextOffset: (batch.at(-1) as LogRecord).offset + 1n });
    };
    for (;;) {
      const records = await task.next(50);
      held.push(...records);
      while (held.length >= size) {
        await flush(held.slice(0, size));
        held = held.slice(size);
      }
      if (records.length === 0 && held.length > 0) await flush(held.splice(0));
    }
  };
}

/** What every event log must hold. `open` gives another instance on the same log each time. */
export function describeEventLogContract(open: () => Promise<EventLog>): void {
  let log: EventLog;
  beforeAll(async () => {
    log = await open();
  });
  afterAll(async () => {
    await log[Symbol.asyncDispose]();
  });

  describe('topics', () => {
    test('are made once, and another number of partitions is refused', async () => {
      const topic = await createTopic(log, 3);
      await log.ensureTopics([{ name: topic, partitions: 3 }]);
      expect(await log.partitions(topic)).toBe(3);
      await expect(log.ensureTopics([{ name: topic, partitions: 2 }])).rejects.toMatchObject({
        code: 'failed-precondition',
        reason: 'TOPIC_PARTITIONS_DIFFER',
      });
    });

    test('keep their records as long as was asked for when they were made', async () => {
      const [kept, short] = [await createTopic(log), unique('topic')];
      await log.ensureTopics([{ name: short, partitions: 1, retentionMs: 3_600_000 }]);
      expect(await log.retention(kept)).toEqual({ maxAgeMs: 'unlimited', maxBytes: 'unlimited', compacted: false });
      expect(await log.retention(short)).toEqual({ maxAgeMs: 3_600_000, maxBytes: 'unlimited', compacted: false });
      await expect(log.retention('no-such-topic')).rejects.toMatchObject({ reason: 'TOPIC_NOT_FOUND' });
    });

    test('several services may make the same topics at once', async () => {
      const topics = Array.from({ length: 4 }, () => ({ name: unique('topic'), partitions: 2 }));
      await using logs = new AsyncDisposableStack();
      const services: EventLog[] = [];
      for (let i = 0; i < 4; i++) services.push(logs.use(await open()));
      await Promise.all(services.map((service) => service.ensureTopics(topics)));
      for (const { name } of topics) expect(await services[0]?.partitions(name)).toBe(2);
    });

    test('that are missing are named', async () => {
      await expect(log.partitions('no-such-topic')).rejects.toMatchObject({
        code: 'not-found',
        reason: 'TOPIC_NOT_FOUND',
      });
    });
  });

  describe('append and read', () => {
    test('keep the order within a partition, and the bounds grow', async () => {
      const topic = await createTopic(log, 2);
      expect(await log.bounds(topic, 1)).toEqual({ first: 0n, next: 0n });
      await log.append(numbered(topic, 500, 1));
      await log.append(numbered(topic, 3, 1, 'w'));
      expect(await log.bounds(topic, 1)).toEqual({ first: 0n, next: 503n });
      expect(await valuesOf(log, topic, 1)).toEqual(
        [...numbered(topic, 500), ...numbered(topic, 3, 0, 'w')].map((r) => r.value),
      );
      expect(await valuesOf(log, topic, 0)).toEqual([]);
    });

    test('start at any offset, but not outside of the log', async () => {
      const topic = await createTopic(log);
      await log.append(numbered(topic, 10));
      expect(await valuesOf(log, topic, 0, 7n)).toEqual(['v7', 'v8', 'v9']);
      expect(await valuesOf(log, topic, 0, 10n)).toEqual([]);
      await expect(valuesOf(log, topic, 0, 11n)).rejects.toMatchObject({ reason: 'OFFSET_OUT_OF_RANGE' });
    });

    test('carry keys, headers and binary values', async () => {
      const topic = await createTopic(log);
      const value = Uint8Array.from({ length: 256 }, (_, i) => i);
      await log.append([{ topic, key: 'schlüssel', value, headers: { kind: 'ärger', empty: '' } }]);
      const signal = AbortSignal.timeout(PATIENCE_MS);
      for await (const [record] of log.read(topic, 0, 0n, { signal, stop: 'at-end' })) {
        expect(record?.value).toEqual(value);
        expect(new TextDecoder().decode(record?.key as Uint8Array)).toBe('schlüssel');
        expect(record?.headers).toEqual({ kind: 'ärger', empty: '' });
        expect(Math.abs((record?.timestampMs ?? 0) - Date.now())).toBeLessThan(PATIENCE_MS);
      }
    });

    test('put a key where its hash says', async () => {
      const topic = await createTopic(log, 3);
      await log.append([{ topic, key: 'foobar', value: 'x' }]);
      const found = await Promise.all([0, 1, 2].map((partition) => valuesOf(log, topic, partition)));
      const expected = (-790332482 & 0x7fffffff) % 3;
      expect(found.findIndex((values) => values.length === 1)).toBe(expected);
    });

    test('follow the tail until aborted', async () => {
      const topic = await createTopic(log);
      const stop = new AbortController();
      const seen: string[] = [];
      const following = (async () => {
        for await (const records of log.read(topic, 0, 0n, { signal: stop.signal })) seen.push(...records.map(text));
      })();
      await log.append(numbered(topic, 2));
      await until(() => seen.length === 2, 'the first two records');
      await log.append(numbered(topic, 1, 0, 'late'));
      await until(() => seen.length === 3, 'the late record');
      stop.abort();
      await following;
      expect(seen).toEqual(['v0', 'v1', 'late0']);
    });

    test('take large records, and refuse larger ones by name', async () => {
      const topic = await createTopic(log);
      await log.append([{ topic, partition: 0, value: new Uint8Array(6_000_000).fill(7) }]);
      const [value] = await valuesOf(log, topic);
      expect(value?.length).toBe(6_000_000);
      await expect(log.append([{ topic, partition: 0, value: new Uint8Array(17_000_000) }])).rejects.toMatchObject({
        code: 'invalid-argument',
        reason: 'RECORD_TOO_LARGE',
      });
    });
  });

  describe('a fenced writer', () => {
    test('publishes to several topics, with a position of a group, at once', async () => {
      const [a, b] = [await createTopic(log), await createTopic(log, 2)];
      const group = unique('group');
      await log.append(numbered(a, 3));
      await using writer = await log.writer(unique('writer'));
      const position = { group, topic: a, partition: 0, nextOffset: 2n };
      await writer.write([...numbered(b, 2, 0), ...numbered(b, 1, 1, 'w')], [position]);
      await writer.write(numbered(b, 1, 0, 'next'));
      expect(await valuesSoon(log, b, 3, 0)).toEqual(['v0', 'v1', 'next0']);
      expect(await valuesSoon(log, b, 1, 1)).toEqual(['w0']);
      await until(async () => (await log.lag(group, a))[0]?.lag === 1n, 'the position');
    });

    test('that was superseded is refused, and nothing of it is seen', async () => {
      const topic = await createTopic(log);
      await using other = await open();
      const id = unique('writer');
      await using zombie = await log.writer(id);
      await zombie.write(numbered(topic, 1, 0, 'old'));
      await using current = await other.writer(id);
      await expect(zombie.write(numbered(topic, 5, 0, 'zombie'))).rejects.toMatchObject({
        code: 'failed-precondition',
        reason: 'FENCED',
      });
      await current.write(numbered(topic, 1, 0, 'new'));
      await expect(zombie.write(numbered(topic, 1, 0, 'again'))).rejects.toMatchObject({ code: 'failed-precondition' });
      expect(await valuesSoon(log, topic, 2)).toEqual(['old0', 'new0']);
    });
  });

  describe('transform', () => {
    test('loses and doubles nothing when its handler throws before commits', async () => {
      const [input, output] = [await createTopic(log), await createTopic(log)];
      const group = unique('group');
      await log.append(numbered(input, 100));
      for (const crashAt of [3, 2, 4]) {
        let batches = 0;
        const handle = copyingTask(output, 7, () => {
          if (++batches === crashAt) throw new Error('crash');
        });
        const signal = AbortSignal.timeout(PATIENCE_MS);
        await expect(log.transform({ group, topic: input, signal, handle })).rejects.toThrow('crash');
      }
      const stop = new AbortController();
      const running = log.transform({ group, topic: input, signal: stop.signal, handle: copyingTask(output, 7) });
      await until(async () => (await log.lag(group, input))[0]?.lag === 0n, 'no lag');
      stop.abort();
      await running;
      expect(await valuesSoon(log, output, 100)).toEqual(numbered(input, 100).map((record) => `0:${record.value}`));
    });

    test('waits as long as it was told when the clock is set back meanwhile', async () => {
      const input = await createTopic(log);
      const stop = new AbortController();
      let waitedMs = 0;
      const handle = async (task: PartitionTask) => {
        const began = performance.now();
        const waiting = task.next(600);
        await sleep(100);
        await withClockMoved(-3_600_000, () => waiting);
        waitedMs = performance.now() - began;
        stop.abort();
      };
      await log.transform({ group: unique('group'), topic: input, signal: stop.signal, handle });
      expect(waitedMs).toBeGreaterThan(550);
    }, 10_000);

    test('shares partitions among members, and survives that one leaves in the middle', async () => {
      const [input, output] = [await createTopic(log, 3), await createTopic(log)];
      const group = unique('group');
      await using other = await open();
      const stops = [new AbortController(), new AbortController()] as const;
      const owners: Set<number>[] = [new Set(), new Set()];
      const member = (index: 0 | 1, instance: EventLog) => {
        const copy = copyingTask(output, 4);
        const handle = async (task: PartitionTask) => {
          owners[index]?.add(task.partition);
          await copy(task);
        };
        return instance.transform({ group, topic: input, signal: stops[index].signal, handle });
      };
      const first = member(0, log);
      await until(() => owners[0]?.size === 3, 'the first member to own all');
      const second = member(1, other);
      await until(() => (owners[1]?.size ?? 0) > 0, 'the second member to own some');
      const feed = async (prefix: string) => {
        for (const partition of [0, 1, 2]) await log.append(numbered(input, 40, partition, prefix));
      };
      await feed('a');
      await until(async () => (await log.bounds(output, 0)).next > 20n, 'some output');
      stops[0].abort();
      await feed('b');
      await first;
      await until(async () => (await log.lag(group, input)).every(({ lag }) => lag === 0n), 'no lag');
      stops[1].abort();
      await second;
      const copied = await valuesSoon(log, output, 240);
      for (const partition of [0, 1, 2]) {
        const expected = ['a', 'b'].flatMap((prefix) => numbered(input, 40, partition, prefix));
        expect(copied.filter((value) => value.startsWith(`${partition}:`))).toEqual(
          expected.map((r) => `${partition}:${r.value}`),
        );
      }
    });

    test('hears that nothing comes, and commits offsets with nothing out', async () => {
      const input = await createTopic(log);
      const group = unique('group');
      await log.append(numbered(input, 5));
      const stop = new AbortController();
      const heard: number[] = [];
      const handle = async (task: PartitionTask) => {
        for (;;) {
          const records = await task.next(50);
          heard.push(records.length);
          const last = records.at(-1);
          if (last !== undefined) await task.commit({ outputs: [], nextOffset: last.offset + 1n });
        }
      };
      const running = log.transform({ group, topic: input, signal: stop.signal, handle });
      await until(() => heard.at(-1) === 0 && heard.some((count) => count > 0), 'records and then silence');
      expect((await log.lag(group, input))[0]).toMatchObject({ partition: 0, lag: 0n });
      stop.abort();
      await running;
    });

    test('writes to several topics in one commit, and refuses an offset that it has not read', async () => {
      const [input, output, dead] = [await createTopic(log), await createTopic(log), await createTopic(log)];
      await log.append(numbered(input, 1));
      const handle = async (task: PartitionTask) => {
        while ((await task.next(50)).length === 0);
        const outputs = [...numbered(output, 1), ...numbered(dead, 1, 0, 'bad')];
        await task.commit({ outputs, nextOffset: 1n });
        await task.commit({ outputs: [], nextOffset: 99n });
      };
      const transform = log.transform({
        group: unique('group'),
        topic: input,
        signal: AbortSignal.timeout(PATIENCE_MS),
        handle,
      });
      await expect(transform).rejects.toMatchObject({ reason: 'COMMIT_OFFSET_OUT_OF_RANGE' });
      expect([await valuesSoon(log, output, 1), await valuesSoon(log, dead, 1)]).toEqual([['v0'], ['bad0']]);
    });

    test('reports the lag of a group, before and after it read', async () => {
      const [input, output] = [await createTopic(log, 2), await createTopic(log)];
      const group = unique('group');
      await using writer = await log.writer(unique('writer'));
      await writer.write(numbered(input, 4, 1));
      await valuesSoon(log, input, 4, 1);
      const [empty, full] = await log.lag(group, input);
      expect(empty).toEqual({ partition: 0, committed: undefined, next: 0n, lag: 0n });
      expect(full?.committed).toBeUndefined();
      expect(Number(full?.lag)).toBeGreaterThanOrEqual(4);
      const stop = new AbortController();
      const running = log.transform({ group, topic: input, signal: stop.signal, handle: copyingTask(output, 3) });
      await until(async () => (await log.lag(group, input)).every(({ lag }) => lag === 0n), 'no lag');
      stop.abort();
      await running;
    });
  });
}
