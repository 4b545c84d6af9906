import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTROL_HEADER, END_OF_DATA, type Topics, topicsWithPrefix } from '@alphapo/contracts';
import { type EventLog, type OutgoingRecord, openKafkaEventLog } from '@alphapo/messaging';
import { describeKafka, startKafka, type TestBroker } from '../kafka/broker.ts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { smallModel } from './services.fixture.ts';
import { accountForSources } from './source-account.ts';

const PARTITIONS = 4;
const BATCH = 16;
/** Longer than Kafka waits for a member that does not answer. */
const ZOMBIE_MS = 13_000;
const END_TIMEOUT_MS = 90_000;

const value = (i: number) =>
  i % 9 === 4 ? `{"prompt": "${i}` : JSON.stringify({ prompt: `After ${i}:`, chosen: ` ${i + 1}`, rejected: ` ${i}` });

/** A topic of several partitions, which is fed all the time, and tokenizers that come and go. */
class Stream implements AsyncDisposable {
  readonly topics: Topics;
  readonly #log: EventLog;
  readonly #arguments: readonly string[];
  readonly #tokenizers: ServiceProcess[] = [];
  readonly #stop = new AbortController();
  readonly #feeding: Promise<void>;
  sent = 0;

  constructor(log: EventLog, prefix: string, args: readonly string[]) {
    this.topics = topicsWithPrefix(prefix);
    this.#log = log;
    this.#arguments = [...args, '--topic-prefix', prefix];
    this.#feeding = this.#feed();
  }

  /** Starts a tokenizer, and waits until it has made a batch. */
  async join(): Promise<ServiceProcess> {
    const tokenizer = new ServiceProcess(['serve', 'tokenizer', ...this.#arguments]);
    this.#tokenizers.push(tokenizer);
    await tokenizer.event(({ event }) => event === 'batch.committed');
    return tokenizer;
  }

  /** Ends the data, waits until all of it has been accounted for, and tells how. */
  async end() {
    this.#stop.abort();
    await this.#feeding;
    await this.#log.append(
      Array.from({ length: PARTITIONS }, (_, partition) => ({
        ...{ topic: this.topics.preferences, partition, value: '' },
        headers: { [CONTROL_HEADER]: END_OF_DATA },
      })),
    );
    const deadline = performance.now() + END_TIMEOUT_MS;
    for (;;) {
      const account = await accountForSources(this.#log, this.topics);
      if (account.ended === PARTITIONS || performance.now() > deadline) return account;
      await sleep(250);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#feeding.catch(() => {});
    await Promise.all(this.#tokenizers.map((tokenizer) => tokenizer[Symbol.asyncDispose]()));
  }

  async #feed(): Promise<void> {
    await this.#log.ensureTopics([{ name: this.topics.preferences, partitions: PARTITIONS }]);
    while (!this.#stop.signal.aborted) {
      const records: OutgoingRecord[] = Array.from({ length: 20 }, () => {
        const i = this.sent++;
        return { topic: this.topics.preferences, partition: i % PARTITIONS, value: value(i) };
      });
      await this.#log.append(records);
      await sleep(50);
    }
  }
}

describeKafka('tokenizers over a topic of several partitions', () => {
  let broker: TestBroker;
  let log: EventLog;
  let common: readonly string[];
  beforeAll(async () => {
    broker = await startKafka();
    log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' });
    const config = join(await temporaryFolder(), 'run.yaml');
    await writeFile(config, JSON.stringify({ batchSize: BATCH, steps: 10_000, maxLength: 64, maxPromptLength: 48 }));
    common = [
      ...['--model', await smallModel(), '--run', config, '--brokers', broker.brokers.join(',')],
      ...['--address', '127.0.0.1:0', '--partitions', `${PARTITIONS}`, '--linger-ms', '300'],
      ...['--max-batches-ahead', '0'],
    ];
  });
  afterAll(async () => {
    await log[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });
  const stream = (name: string) => new Stream(log, `${name}-${process.pid}-`, common);

  const expectOnce = (account: Awaited<ReturnType<Stream['end']>>, sent: number) => {
    expect(account.problems).toEqual([]);
    expect(account).toMatchObject({ records: sent, ended: PARTITIONS });
    expect(account.pairs + account.deadLetters).toBe(sent);
    expect(account.deadLetters).toBeGreaterThan(0);
  };

  test('while they join, leave and are killed, each record is in exactly one batch or dead letter', async () => {
    await using fed = stream('rebalance');
    const first = await fed.join();
    const second = await fed.join();
    await fed.join();
    expect(await first.stop('SIGTERM')).toBe(0);
    await second.stop('SIGKILL');
    await fed.join();
    expectOnce(await fed.end(), fed.sent);
  });

  test('one that hangs for longer than its session, and then goes on, doubles nothing', async () => {
    await using fed = stream('zombie');
    const zombie = await fed.join();
    process.kill(zombie.pid as number, 'SIGSTOP');
    await fed.join();
    await sleep(ZOMBIE_MS);
    process.kill(zombie.pid as number, 'SIGCONT');
    await sleep(2_000);
    expectOnce(await fed.end(), fed.sent);
    expect(zombie.events.some(({ event }) => event === 'partition-task.interrupted')).toBe(true);
  });

  test('a broker that dies and comes back costs nothing and doubles nothing', async () => {
    const { restart } = broker;
    if (restart === undefined) return;
    await using fed = stream('broker');
    await fed.join();
    await fed.join();
    await restart();
    await sleep(1_000);
    expectOnce(await fed.end(), fed.sent);
  });
});
