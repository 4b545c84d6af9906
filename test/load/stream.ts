import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@alphapo/base';
import { type Topics, topicsWithPrefix } from '@alphapo/contracts';
import { type EventLog, openKafkaEventLog } from '@alphapo/messaging';
import { accountForSources, type SourceAccount } from '../integration/source-account.ts';
import { startKafka } from '../kafka/broker.ts';
import { freePort } from '../support/free-port.ts';
import { ServiceProcess } from '../support/processes.ts';
import { startService, type Watched, watched } from './watched.ts';

const PARTITIONS = 4;
const BATCH = 128;
const SEED = 7;
/** One of so many records is bad, one of so many is long. */
const BAD_EVERY = 100;
const LONG_EVERY = 500;
const LONG_CHARACTERS = 20_000;
const PREFIX = 'load-';

interface StreamResult {
  readonly records: number;
  readonly tokenizedSeconds: number;
  readonly trainedPairs: number;
  readonly trainedSeconds: number;
  readonly finished: boolean;
  readonly account: SourceAccount;
}

export type StreamTrial = Watched<StreamResult>;

/** So many records go through tokenizer and optimizer on a real Kafka; training ends with the data, or when time is over. */
export async function tryStream(
  folder: string,
  model: string,
  { records, seconds }: { readonly records: number; readonly seconds: number },
): Promise<StreamTrial> {
  const [data, config] = [join(folder, 'pairs.jsonl'), join(folder, 'run.yaml')];
  await pipeline(Readable.from(linesOf(records)), createWriteStream(data));
  const settings = { batchSize: BATCH, steps: records, shards: 2, loraRank: 2, maxLength: 96, maxPromptLength: 64 };
  await writeFile(config, JSON.stringify(settings));
  await using broker = await startKafka();
  await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'load' });
  const brokers = ['--brokers', broker.brokers.join(',')];
  const common = ['--model', model, ...brokers, '--topic-prefix', PREFIX, '--run', config];
  const optimizerAddress = `127.0.0.1:${await freePort()}`;
  await using tokenizer = await startService([
    ...['serve', 'tokenizer', ...common, '--address', '127.0.0.1:0', '--partitions', `${PARTITIONS}`],
    ...['--max-batches-ahead', '0'],
  ]);
  await using scorer = await startService([
    ...['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0', '--threads', '1'],
    ...['--optimizer', optimizerAddress],
  ]);
  await tokenizer.process.address();
  await using optimizer = await startService([
    ...['serve', 'optimizer', ...common, '--address', optimizerAddress, '--scorers', await scorer.process.address()],
    ...['--folder', join(folder, 'state'), '--checkpoint-every', '50'],
  ]);
  const topics = topicsWithPrefix(PREFIX);
  const isFinished = () => optimizer.process.events.some(({ event }) => event === 'run.finished');
  const seen = await watched({ tokenizer, scorer, optimizer }, async () => {
    const started = performance.now();
    const passed = () => (performance.now() - started) / 1_000;
    await using produce = new ServiceProcess([
      ...['produce', ...brokers, '--topic', topics.preferences, '--data', data, '--end'],
    ]);
    if ((await produce.exited()) !== 0) throw new Error(`the records could not be sent: ${produce.output}`);
    await waitUntil(() => consumed(log, topics), seconds - passed());
    const tokenizedSeconds = passed();
    await waitUntil(async () => isFinished(), seconds - passed());
    return { tokenizedSeconds, trainedSeconds: passed() };
  });
  // What is counted must not go on meanwhile.
  await tokenizer.process.stop('SIGTERM');
  const account = await accountForSources(log, topics);
  const steps = optimizer.process.events.filter(({ event }) => event === 'step.taken').length;
  const trainedPairs = Math.min(account.pairs, steps * BATCH);
  return { ...seen, result: { ...seen.result, records, account, trainedPairs, finished: isFinished() } };
}

function* linesOf(records: number): Generator<string> {
  const random = seededRandom(SEED);
  for (let i = 0; i < records; i++) {
    const [a, b] = [random.below(1_000), random.below(1_000)];
    const prompt = i % LONG_EVERY === 7 ? 'word '.repeat(LONG_CHARACTERS / 5) : `What is ${a} plus ${b}?`;
    const pair = { id: `pair-${i}`, prompt, chosen: ` ${a + b}.`, rejected: ` ${a + b + 1}.` };
    yield `${i % BAD_EVERY === 13 ? `{"prompt": ${i}` : JSON.stringify(pair)}\n`;
  }
}

async function consumed(log: EventLog, topics: Topics): Promise<boolean> {
  const lags = await log.lag(topics.tokenizerGroup, topics.preferences);
  return lags.every(({ lag, next }) => lag === 0n && next > 0n);
}

async function waitUntil(holds: () => Promise<boolean>, seconds: number): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  while (performance.now() < deadline && !(await holds())) await sleep(500);
}
