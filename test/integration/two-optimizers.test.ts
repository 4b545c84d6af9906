import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TrainingStep, topicsWithPrefix, trainingStepSchema } from '@alphapo/contracts';
import { type EventLog, openKafkaEventLog } from '@alphapo/messaging';
import { freePort } from '../free-port.ts';
import { describeKafka, startKafka, type TestBroker } from '../kafka/broker.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { ServiceProcess } from './processes.ts';
import { pairs, recordsOf, smallModel, startRun } from './services-fixture.ts';

/** Of two optimizers on one run exactly one writes, whatever becomes of the other. */

const SETTINGS = { steps: 8, batchSize: 4, shards: 2, loraRank: 2, learningRate: 1e-2 };
const CONFIG = { steps: 8, 'batch-size': 4, shards: 2, 'lora-rank': 2, 'learning-rate': 1e-2 };
const RECORDS = pairs(32);

describeKafka('two optimizers on one run, over Kafka', () => {
  let broker: TestBroker;
  let model: string;
  let undisturbed: string[];
  beforeAll(async () => {
    model = await smallModel();
    await using run = await startRun(model, SETTINGS);
    await run.train(RECORDS);
    undisturbed = run.optimizer.steps.steps.map(({ policyDigest }) => policyDigest);
    broker = await startKafka();
  }, 360_000);
  afterAll(() => broker?.[Symbol.asyncDispose]());

  /** A tokenizer that works on a prefix of its own, and optimizers that share a folder; each has a scorer of its own. */
  async function place(prefix: string) {
    const opened = new AsyncDisposableStack();
    const folder = await temporaryFolder();
    const config = join(folder, 'run.yaml');
    await writeFile(config, JSON.stringify(CONFIG));
    const log = opened.use(await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' }));
    const topics = topicsWithPrefix(prefix);
    const common = ['--model', model, '--config', config, '--topic-prefix', prefix];
    const start = (service: string, ...args: string[]) =>
      opened.use(new ServiceProcess(['serve', service, ...args, '--brokers', broker.brokers.join(',')]));
    const scorer = (optimizer: string) =>
      opened.use(
        new ServiceProcess([
          ...['serve', 'scorer', '--model', model, '--threads', '1', '--address', '127.0.0.1:0'],
          ...['--optimizer', optimizer],
        ]),
      );
    const tokenizer = start('tokenizer', ...common, '--address', '127.0.0.1:0');
    await tokenizer.address();
    return {
      log,
      topics,
      checkpoints: () => readdir(join(folder, 'state/checkpoints')),
      async optimizer() {
        const address = `127.0.0.1:${await freePort()}`;
        const scorers = await scorer(address).address();
        const options = ['--folder', join(folder, 'state'), '--checkpoint-every', '2', '--when-finished', 'exit'];
        return start('optimizer', ...common, ...options, '--address', address, '--scorers', scorers);
      },
      produce: (from: number, to: number) =>
        log.append(
          RECORDS.slice(from, to).map((pair) => ({
            topic: topics.preferences,
            partition: 0,
            value: JSON.stringify(pair),
          })),
        ),
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  }

  const published = async (log: EventLog, topic: string): Promise<TrainingStep[]> =>
    (await recordsOf(log, topic)).map(({ value }) =>
      trainingStepSchema.parse(JSON.parse(Buffer.from(value as Uint8Array).toString())),
    );
  const took = (optimizer: ServiceProcess, step: number) =>
    optimizer.event((event) => event.event === 'step.taken' && event.step === step);
  const ending = (optimizer: ServiceProcess) => optimizer.events.find(({ event }) => event === 'process.failed');

  test('the first one hangs, the second takes over, the first one wakes: it ends fenced and has written nothing', async () => {
    await using run = await place('hung-');
    const first = await run.optimizer();
    await first.address();
    await run.produce(0, 12);
    await took(first, 3);
    first.signal('SIGSTOP');
    await run.produce(12, 32);
    const second = await run.optimizer();
    expect(await second.exited()).toBe(0);
    const [steps, checkpoints] = [await published(run.log, run.topics.trainingSteps), await run.checkpoints()];
    first.signal('SIGCONT');
    expect(await first.exited()).toBe(1);
    expect(ending(first)).toMatchObject({ error: { reason: 'FENCED' } });
    expect(steps.map(({ step, policyDigest }) => [step, policyDigest])).toEqual(
      undisturbed.map((digest, index) => [index + 1, digest]),
    );
    expect(await published(run.log, run.topics.trainingSteps)).toEqual(steps);
    expect(await run.checkpoints()).toEqual(checkpoints);
  }, 120_000);

  test('the second one is started while the first one works: the first ends fenced, the second finishes', async () => {
    await using run = await place('working-');
    const first = await run.optimizer();
    await first.address();
    await run.produce(0, 12);
    await took(first, 3);
    const second = await run.optimizer();
    await second.address();
    await run.produce(12, 32);
    expect(await second.exited()).toBe(0);
    expect(await first.exited()).toBe(1);
    expect(ending(first)).toMatchObject({ error: { reason: 'FENCED' } });
    const steps = await published(run.log, run.topics.trainingSteps);
    expect(steps.map(({ step, policyDigest }) => [step, policyDigest])).toEqual(
      undisturbed.map((digest, index) => [index + 1, digest]),
    );
  }, 120_000);
});
