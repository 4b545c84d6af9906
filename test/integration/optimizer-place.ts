import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Topics, type TrainingStep, topicsWithPrefix, trainingStepSchema } from '@alphapo/contracts';
import { type EventLog, openKafkaEventLog } from '@alphapo/messaging';
import type { TestBroker } from '../kafka/broker.ts';
import { freePort } from '../support/free-port.ts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { pairs, recordsOf, startRun } from './services.fixture.ts';

const STEPS = 8;
const BATCH = 4;
const SETTINGS = { steps: STEPS, batchSize: BATCH, shards: 2, loraRank: 2, learningRate: 1e-2 };
const CONFIG = { steps: STEPS, 'batch-size': BATCH, shards: 2, 'lora-rank': 2, 'learning-rate': 1e-2 };
const RECORDS = pairs(STEPS * BATCH);

/** The digests of the run's eight steps where nothing disturbs it. */
export async function undisturbedDigests(model: string): Promise<string[]> {
  await using run = await startRun(model, SETTINGS);
  await run.train(RECORDS);
  return run.optimizer.steps.steps.map(({ policyDigest }) => policyDigest);
}

interface OptimizerOptions {
  /** Addresses of the brokers; the broker's own where absent. */
  readonly brokers?: string;
  /** Name of a folder; all share one where absent. */
  readonly folder?: string;
}

/** A run over Kafka, of processes: a tokenizer on a prefix of its own, and optimizers, each with a scorer of its own. */
export class OptimizerPlace implements AsyncDisposable {
  readonly topics: Topics;
  readonly #broker: TestBroker;
  readonly #folder: string;
  readonly #common: readonly string[];
  readonly #log: EventLog;
  readonly #opened: AsyncDisposableStack;

  private constructor(
    broker: TestBroker,
    folder: string,
    { prefix, common }: { readonly prefix: string; readonly common: readonly string[] },
    log: EventLog,
  ) {
    this.topics = topicsWithPrefix(prefix);
    this.#broker = broker;
    this.#folder = folder;
    this.#common = common;
    this.#log = log;
    this.#opened = new AsyncDisposableStack();
    this.#opened.use(log);
  }

  static async open(broker: TestBroker, model: string, prefix: string): Promise<OptimizerPlace> {
    const folder = await temporaryFolder();
    const config = join(folder, 'run.yaml');
    await writeFile(config, JSON.stringify(CONFIG));
    const common = ['--model', model, '--run', config, '--topic-prefix', prefix];
    const log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' });
    return new OptimizerPlace(broker, folder, { prefix, common }, log);
  }

  tokenizer({ brokers }: Pick<OptimizerOptions, 'brokers'> = {}): ServiceProcess {
    return this.#serve(brokers, 'tokenizer', ...this.#common, '--address', '127.0.0.1:0');
  }

  /** It exits after the last step. */
  async optimizer({ brokers, folder = 'state' }: OptimizerOptions = {}): Promise<ServiceProcess> {
    const address = `127.0.0.1:${await freePort()}`;
    const model = this.#common.slice(0, 2);
    const scorer = this.#opened.use(
      new ServiceProcess([
        ...['serve', 'scorer', ...model, '--threads', '1', '--address', '127.0.0.1:0', '--optimizer', address],
      ]),
    );
    const options = ['--folder', join(this.#folder, folder), '--checkpoint-every', '2', '--when-finished', 'exit'];
    const addresses = ['--address', address, '--scorers', await scorer.address()];
    return this.#serve(brokers, 'optimizer', ...this.#common, ...options, ...addresses);
  }

  /** Sends the pairs of steps `from` to `to`, the latter included. */
  produce(from: number, to: number): Promise<void> {
    const records = RECORDS.slice((from - 1) * BATCH, to * BATCH);
    return this.#log.append(
      records.map((pair) => ({ topic: this.topics.preferences, partition: 0, value: JSON.stringify(pair) })),
    );
  }

  async published(): Promise<TrainingStep[]> {
    const records = await recordsOf(this.#log, this.topics.trainingSteps);
    return records.map(({ value }) => trainingStepSchema.parse(JSON.parse(Buffer.from(value ?? []).toString())));
  }

  /** Names in the shared folder of checkpoints. */
  checkpoints(): Promise<string[]> {
    return readdir(join(this.#folder, 'state/checkpoints'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }

  #serve(brokers: string | undefined, service: string, ...args: string[]): ServiceProcess {
    const addresses = brokers ?? this.#broker.brokers.join();
    return this.#opened.use(new ServiceProcess(['serve', service, ...args, '--brokers', addresses]));
  }
}

/** Waits until an optimizer has taken a step. */
export const took = (optimizer: ServiceProcess, step: number) =>
  optimizer.event((event) => event.event === 'step.taken' && event.step === step);

/** The error that a service ended with. */
export const failureOf = ({ events }: ServiceProcess) =>
  events.find(({ event }) => event === 'process.failed')?.error as { reason: string; message: string } | undefined;

/** Steps by number and digest, as they should be. */
export const stepsOf = (digests: readonly string[]) => digests.map((digest, index) => [index + 1, digest]);
export const digestsOf = (steps: readonly TrainingStep[]) =>
  steps.map(({ step, policyDigest }) => [step, policyDigest]);
