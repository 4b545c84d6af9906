import { randomUUID } from 'node:crypto';
import { CONTROL_HEADER, END_OF_DATA, type Topics, topicsWithPrefix } from '@alphapo/contracts';
import { type EventLog, type OutgoingRecord, recordsToEnd } from '@alphapo/messaging';
import { startTokenizer, type TokenizerConfig } from '@alphapo/tokenizer';
import { LOOPBACK, pairs, silent, smallModel, specificationFor, until } from './services.fixture.ts';
import { accountForSources } from './source-account.ts';

/** What tokenizers promise on both logs. */

interface Consuming extends AsyncDisposable {
  readonly topics: Topics;
  put(values: readonly (string | Uint8Array)[], partition?: number): Promise<void>;
  end(...partitions: number[]): Promise<void>;
}

/** A tokenizer in this process that consumes topics of its own. */
export async function consume(log: EventLog, config: Partial<TokenizerConfig> = {}): Promise<Consuming> {
  const topics = topicsWithPrefix(`${randomUUID()}-`);
  const model = await smallModel();
  const specification = await specificationFor(model, { maxLength: 64, maxPromptLength: 48 });
  const whole = { model, specification, address: LOOPBACK, topics, preferencesPartitions: 1, ...config };
  const tokenizer = await startTokenizer(whole, log, silent);
  const stop = new AbortController();
  const consuming = tokenizer.consume(stop.signal);
  const append = (records: readonly Omit<OutgoingRecord, 'topic'>[]) =>
    log.append(records.map((record) => ({ ...record, topic: topics.preferences }) as OutgoingRecord));
  return {
    topics,
    put: (values, partition = 0) => append(values.map((value) => ({ partition, value }))),
    end: (...partitions) =>
      append(partitions.map((partition) => ({ partition, value: '', headers: { [CONTROL_HEADER]: END_OF_DATA } }))),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await consuming;
      await tokenizer[Symbol.asyncDispose]();
    },
  };
}

export const json = (records: readonly unknown[]) => records.map((record) => JSON.stringify(record));

export function describeTokenizerStream(open: () => Promise<EventLog>): void {
  let log: EventLog;
  beforeAll(async () => {
    log = await open();
  });
  afterAll(async () => {
    await log[Symbol.asyncDispose]();
  });

  const batches = async (topics: Topics) => (await accountForSources(log, topics)).batches;
  const count = (topic: string) => Array.fromAsync(recordsToEnd(log, topic, 0));

  test('it stays a number of batches ahead of the optimizer, also of one that never ran, and goes on when that does', async () => {
    const maxBatchesAhead = 8;
    await using stream = await consume(log, { maxBatchesAhead });
    await stream.put(json(pairs(60)));
    await until(async () => (await batches(stream.topics)) >= 3);
    let seen = 0;
    const group = { group: stream.topics.optimizerGroup, topic: stream.topics.preferenceBatches, partition: 0 };
    await using optimizer = await log.writer(`optimizer-${stream.topics.preferences}`);
    for (;;) {
      // It is held back: nothing comes for longer than it looks.
      let before: number;
      do {
        before = seen;
        await new Promise((resolve) => setTimeout(resolve, 1_200));
        seen = await batches(stream.topics);
      } while (seen !== before);
      const [lag] = await log.lag(stream.topics.optimizerGroup, stream.topics.preferenceBatches);
      expect(Number(lag?.lag)).toBeLessThanOrEqual(maxBatchesAhead + 2);
      if (seen === 15) break;
      expect(Number(lag?.lag)).toBeGreaterThanOrEqual(maxBatchesAhead - 2);
      const records = await count(stream.topics.preferenceBatches);
      await optimizer.write([], [{ ...group, nextOffset: (records.at(-1)?.offset ?? 0n) + 1n }]);
    }
    expect((await accountForSources(log, stream.topics)).problems).toEqual([]);
  }, 120_000);

  test('a flood of bad records is put away without a batch and without a linger, also behind some pairs', async () => {
    await using stream = await consume(log);
    await stream.put(json(pairs(2)));
    const bad = Array.from({ length: 5_000 }, (_, i) => `bad ${i}`);
    await stream.put(bad);
    await stream.put(bad);
    await until(async () => (await count(stream.topics.deadLetters)).length >= 8_000);
    await stream.end(0);
    await until(async () => (await accountForSources(log, stream.topics)).ended === 1);
    const account = await accountForSources(log, stream.topics);
    expect(account).toMatchObject({ records: 10_002, pairs: 2, deadLetters: 10_000, problems: [] });
  }, 60_000);

  test('a record that says that the data ends flushes its partition alone', async () => {
    await using stream = await consume(log, { preferencesPartitions: 3 });
    for (const partition of [0, 1, 2]) await stream.put(json(pairs(2)), partition);
    await stream.end(1);
    await until(async () => (await accountForSources(log, stream.topics)).ended === 1);
    expect((await accountForSources(log, stream.topics)).pairs).toBe(2);
    await stream.end(0, 2);
    await until(async () => (await accountForSources(log, stream.topics)).ended === 3);
    expect(await accountForSources(log, stream.topics)).toMatchObject({ records: 6, pairs: 6, problems: [] });
  });
}
