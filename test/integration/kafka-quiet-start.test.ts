import { join } from 'node:path';
import { topicsWithPrefix } from '@alphapo/contracts';
import { openKafkaEventLog } from '@alphapo/messaging';
import { startOptimizer } from '@alphapo/optimizer';
import { startTokenizer } from '@alphapo/tokenizer';
import { startKafka, type TestBroker } from '../kafka/broker.ts';
import { whyNoKafka } from '../kafka/installation.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { LOOPBACK, pairs, recordsOf, silent, smallModel, specificationFor, until } from './services.fixture.ts';

/** What a healthy start over Kafka says: topics that are made, groups that form, and nothing that reads like trouble. */

const TIMEOUT_MS = 300_000;
const missing = await whyNoKafka();

interface Event {
  readonly level: string;
  readonly event: string;
  readonly fields: object;
}

(missing === undefined ? test : test.skip)(
  'tokenizers and an optimizer start on an empty cluster without a warning',
  async () => {
    await using opened = new AsyncDisposableStack();
    const broker: TestBroker = opened.use(await startKafka());
    const topics = topicsWithPrefix(`quiet-${Date.now()}-`);
    const events: Event[] = [];
    const log = async (clientId: string) =>
      opened.use(
        await openKafkaEventLog({
          brokers: broker.brokers,
          clientId,
          logger: (level, event, fields) => events.push({ level, event, fields }),
        }),
      );
    const model = await smallModel();
    const specification = await specificationFor(model);
    const { signal } = new AbortController();
    const tokenizer = async (name: string) =>
      opened.use(
        await startTokenizer(
          { model, specification, address: LOOPBACK, topics, preferencesPartitions: 2 },
          await log(name),
          silent,
        ),
      );
    const folder = await temporaryFolder();
    const optimizer = async () =>
      opened.use(
        await startOptimizer(
          {
            ...{
              model,
              specification,
              address: LOOPBACK,
              topics,
              checkpointEvery: 100,
              checkpointsKept: { newest: 2 },
            },
            ...{ checkpointFolder: join(folder, 'checkpoints'), exportFolder: folder, shardTimeoutMs: 30_000 },
            discoverScorers: async () => [],
          },
          await log('optimizer'),
          silent,
          signal,
        ),
      );
    // All at once, as on a cluster: whoever comes first makes the topics.
    const [first, second] = await Promise.all([tokenizer('first'), tokenizer('second'), optimizer()]);
    const stop = new AbortController();
    const consuming = Promise.all([first.consume(stop.signal), second.consume(stop.signal)]);
    const producer = await log('producer');
    await producer.append(
      pairs(8).map((pair, i) => ({ topic: topics.preferences, partition: i % 2, value: JSON.stringify(pair) })),
    );
    await until(async () => (await recordsOf(producer, topics.preferenceBatches)).length > 0);
    stop.abort();
    await consuming;
    const warnings = events.filter(({ level }) => level === 'warn' || level === 'error');
    expect(warnings).toEqual([]);
  },
  TIMEOUT_MS,
);
