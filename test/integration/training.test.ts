import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PreferenceBatch, topicsWithPrefix, trainingStepSchema } from '@alphapo/contracts';
import { type LogRecord, openKafkaEventLog } from '@alphapo/messaging';
import { main } from '../../cli/src/main.ts';
import { describeKafka, startKafka, type TestBroker } from '../kafka/broker.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { ServiceProcess } from './processes.ts';

const BATCH = 8;
const STEPS = 12;

const SETTINGS = {
  objective: 'alphapo',
  learningRate: 1e-3,
  batchSize: BATCH,
  steps: STEPS,
  shards: 4,
  loraRank: 4,
  maxLength: 128,
};

/** Runs `alphapo` in this process. */
const alphapo = (...args: string[]) => main(['node', 'alphapo', ...args]);

/** Pairs as people write them, with some among them that cannot be trained on. */
function records(): { lines: string[]; bad: number } {
  const lines: string[] = [];
  let bad = 0;
  for (let i = 0; i < BATCH * STEPS; i++) {
    lines.push(JSON.stringify({ id: `pair-${i}`, prompt: `Count from ${i}:`, chosen: ` ${i + 1}`, rejected: ` ${i}` }));
    if (i % 20 === 7) {
      lines.push(['{"prompt": "a"', '[]', '{"prompt":"a","chosen":"","rejected":"b"}'][bad % 3] as string);
      bad++;
    }
  }
  return { lines, bad };
}

async function workplace() {
  const folder = await temporaryFolder();
  const [model, data, config] = [join(folder, 'model'), join(folder, 'pairs.jsonl'), join(folder, 'run.yaml')];
  await alphapo('init-model', model);
  const { lines, bad } = records();
  await writeFile(data, lines.map((line) => `${line}\n`).join(''));
  await writeFile(config, JSON.stringify(SETTINGS));
  return { folder, model, data, config, sent: lines.length, bad };
}

/** The adapter's bytes after training on one machine, without Kafka. */
async function trainEmbedded(place: Awaited<ReturnType<typeof workplace>>): Promise<Buffer> {
  const out = join(place.folder, 'embedded');
  const { model, data, config } = place;
  await alphapo(
    'train',
    '--model',
    model,
    '--data',
    data,
    '--config',
    config,
    '--out',
    out,
    '--no-shuffle',
    '--threads',
    '1',
  );
  return readFile(join(out, 'adapter/adapter_model.safetensors'));
}

describeKafka('training over Kafka with services in processes of their own', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startKafka();
  }, 360_000);
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
  });

  test('killed and resumed, it ends with the bits of the run on one machine, and every record is accounted for', async () => {
    const place = await workplace();
    const embedded = await trainEmbedded(place);

    const { model, data, config, folder } = place;
    const brokers = broker.brokers.join(',');
    const prefix = 'first-';
    const common = ['--model', model, '--config', config, '--brokers', brokers, '--topic-prefix', prefix];
    const optimizerPort = await freePort();
    const scorerArgs = ['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0', '--threads', '1'];
    const scorer = () => new ServiceProcess([...scorerArgs, '--optimizer', `127.0.0.1:${optimizerPort}`]);
    await using tokenizer = new ServiceProcess(['serve', 'tokenizer', ...common, '--address', '127.0.0.1:0']);
    await using first = scorer();
    await using second = scorer();
    const scorers = `${await first.address()},${await second.address()}`;
    const startOptimizer = () =>
      new ServiceProcess([
        ...['serve', 'optimizer', ...common, '--address', `127.0.0.1:${optimizerPort}`],
        ...['--scorers', scorers, '--folder', join(folder, 'state'), '--checkpoint-every', '5'],
      ]);
    const killed = startOptimizer();
    await tokenizer.address();
    await alphapo('produce', '--brokers', brokers, '--topic', `${prefix}preferences`, '--data', data, '--end');

    // Between two checkpoints: steps 6 and 7 are computed again, and must come out the same.
    await killed.event(({ event, step }) => event === 'step.taken' && step === 7);
    await killed.stop('SIGKILL');
    await using optimizer = startOptimizer();
    await optimizer.event(({ event }) => event === 'run.finished');
    await using exported = new ServiceProcess([
      'export',
      '--optimizer',
      `127.0.0.1:${optimizerPort}`,
      '--name',
      'last',
    ]);
    expect(await exported.exited()).toBe(0);
    const adapter = await readFile(join(folder, 'state/exports/last/adapter_model.safetensors'));
    expect(adapter.equals(embedded)).toBe(true);
    expect(optimizer.events.find(({ event }) => event === 'optimizer.started')?.step).toBe(5);

    await expectAllAccountedFor(broker, prefix, place);
    expect(await optimizer.stop('SIGTERM')).toBe(0);
    expect(await tokenizer.stop('SIGTERM')).toBe(0);
    expect(await first.stop('SIGTERM')).toBe(0);
  }, 240_000);
});

/** Every record sent is in exactly one batch or in the dead letters, and every batch is one step. */
async function expectAllAccountedFor(
  broker: TestBroker,
  prefix: string,
  { sent, bad }: { sent: number; bad: number },
): Promise<void> {
  await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' });
  const topics = topicsWithPrefix(prefix);
  const all = async (topic: string) => {
    const found: LogRecord[] = [];
    const { first } = await log.bounds(topic, 0);
    const options = { signal: new AbortController().signal, stop: 'at-end' } as const;
    for await (const chunk of log.read(topic, 0, first, options)) found.push(...chunk);
    return found;
  };
  const batches = (await all(topics.preferenceBatches)).map(({ value, offset }) => ({
    offset,
    batch: PreferenceBatch.decode(value as Uint8Array),
  }));
  const letters = await all(topics.deadLetters);
  const sources = batches.flatMap(({ batch }) => batch.pairs.map(({ sourceOffset }) => sourceOffset));
  const dead = letters.map(({ headers }) => BigInt(headers['alphapo-offset'] as string));
  expect(dead).toHaveLength(bad);
  expect(new Set([...sources, ...dead]).size).toBe(sent);
  expect(sources.length + dead.length).toBe(sent);

  const steps = (await all(topics.trainingSteps)).map(({ value }) =>
    trainingStepSchema.parse(JSON.parse(new TextDecoder().decode(value as Uint8Array))),
  );
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  const trained = batches.filter(({ batch }) => batch.pairs.length > 0);
  expect(steps.map(({ batchOffset }) => batchOffset)).toEqual(trained.map(({ offset }) => `${offset}`));
  expect(steps.map(({ pairIds }) => pairIds)).toEqual(trained.map(({ batch }) => batch.pairs.map(({ id }) => id)));
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
