import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../support/free-port.ts';
import { brokerProperties, type ExtraListener } from './broker-properties.ts';
import { kafkaClassPath, whyNoKafka } from './installation.ts';

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
/** Quick to start rather than fast in the long run. */
const JVM = ['-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

/** Brokers by their bootstrap addresses, `host:port`. */
export interface Reachable {
  readonly brokers: readonly string[];
}

/** A running Apache Kafka for tests; disposing stops it and removes its data. */
export interface TestBroker extends AsyncDisposable, Reachable {
  /** Crash (SIGKILL) or stop (SIGTERM) the broker; absent for a broker that `KAFKA_BROKERS` names. */
  readonly kill?: (signal?: 'SIGKILL' | 'SIGTERM') => Promise<void>;
  /** Start it again on the same port and data. */
  readonly restart?: () => Promise<void>;
}

/** A broker of the test's own. */
export type OwnBroker = Required<TestBroker>;

/**
 * A `describe` that needs Kafka: against `KAFKA_BROKERS` where set, else a broker of its own. Where neither Java and
 * Maven nor that variable is there, the tests are skipped and the name says so.
 */
const missing = await whyNoKafka();
export function describeKafka(name: string, tests: () => void): void {
  if (missing === undefined) describe(name, tests);
  else describe.skip(`${name} (skipped: ${missing})`, tests);
}

/** A broker for the tests of a `describe`: started before them, and gone after them. */
export function kafkaForTests(): Reachable & { readonly restart: TestBroker['restart'] | undefined } {
  let broker: TestBroker | undefined;
  const started = () => broker as TestBroker;
  beforeAll(async () => {
    broker = await startKafka();
  }, 360_000);
  afterAll(() => broker?.[Symbol.asyncDispose]());
  return {
    get brokers() {
      return started().brokers;
    },
    get restart() {
      return started().restart;
    },
  };
}

/** Starts a broker on free ports with data in a temporary folder; 3 to 6 s, and the jars' download the first time. */
export async function startKafka(): Promise<TestBroker> {
  const named = process.env.KAFKA_BROKERS;
  if (named) return { brokers: named.split(','), [Symbol.asyncDispose]: async () => {} };
  return startOwnKafka();
}

/**
 * A broker that can be crashed and restarted, whatever `KAFKA_BROKERS` says, with further listeners where wanted, and with
 * users who log in by SCRAM, each as `SCRAM-SHA-512=[name=…,password=…]`.
 */
export async function startOwnKafka(
  listeners: readonly ExtraListener[] = [],
  scramUsers: readonly string[] = [],
): Promise<OwnBroker> {
  const classPath = await kafkaClassPath();
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-kafka-'));
  const place = {
    port: await freePort(),
    controllerPort: await freePort(),
    dataFolder: join(folder, 'data'),
    listeners,
  };
  const settings = join(folder, 'server.properties');
  await writeFile(settings, brokerProperties(place));
  const java = [
    ...JVM,
    `-Dlog4j2.configurationFile=${join(import.meta.dirname, 'log4j2.properties')}`,
    '-cp',
    classPath,
  ];
  // Kafka refuses ids that begin with a dash.
  const clusterId = `x${randomBytes(16).toString('base64url').slice(1, 22)}`;
  const users = scramUsers.flatMap((user) => ['--add-scram', user]);
  await run('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', settings, ...users]);

  const start = () => launch([...java, 'kafka.Kafka', settings], join(folder, 'broker.log'));
  let child = await start();
  return {
    brokers: [`127.0.0.1:${place.port}`],
    kill: (signal = 'SIGKILL') => stop(child, signal),
    restart: async () => {
      await stop(child, 'SIGKILL');
      child = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await stop(child, 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Spawns the broker and waits for the log line of a server that is up. */
async function launch(javaArguments: readonly string[], logPath: string): Promise<ChildProcess> {
  await using log = await open(logPath, 'w');
  const child = spawn('java', javaArguments, { stdio: ['ignore', log.fd, log.fd] });
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  child.once('exit', () => process.off('exit', killWithUs));
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const output = await readFile(logPath, 'utf8');
    if (output.includes('Kafka Server started')) return child;
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the Kafka broker did not start:\n${output.slice(-4000)}`);
    }
    await sleep(50);
  }
}

async function stop(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
  child.kill(signal);
  await exited;
}
