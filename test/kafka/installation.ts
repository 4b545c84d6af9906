import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The version that pom.xml names; part of the cache's path, so that another version installs anew. */
const KAFKA_VERSION = '4.4.0';
const MAVEN_TIMEOUT_MS = 300_000;

/** Why there is no broker for tests, or undefined where there is: `KAFKA_BROKERS` is set, or one can be started. */
export async function whyNoKafka(): Promise<string | undefined> {
  if (process.env.KAFKA_BROKERS) return undefined;
  const missing = await whyNoJava();
  return missing && `${missing}, or set KAFKA_BROKERS`;
}

/** Why no broker can be started here, or undefined where it can: Java and Maven are there. */
export async function whyNoJava(): Promise<string | undefined> {
  for (const program of ['java', 'mvn']) {
    try {
      await run(program, ['-version']);
    } catch {
      return `no ${program} on the PATH; install Java 17 and Maven`;
    }
  }
  return undefined;
}

/**
 * The class path of an Apache Kafka broker. The first call on a machine fetches the jars from Maven Central into
 * `$ALPHAPO_CACHE/kafka` (`~/.cache/alphapo/kafka` where unset); several processes may do so at once.
 */
export async function kafkaClassPath(): Promise<string> {
  const cache = join(process.env.ALPHAPO_CACHE ?? join(homedir(), '.cache', 'alphapo'), 'kafka');
  const jars = join(cache, `jars-${KAFKA_VERSION}`);
  if ((await jarNames(jars)).length === 0) await fetchJars(cache, jars);
  return (await jarNames(jars)).map((name) => join(jars, name)).join(':');
}

/** Maven writes beside the final place and a rename makes the jars visible, all or none. */
async function fetchJars(cache: string, jars: string): Promise<void> {
  const pending = join(cache, `pending-${process.pid}-${Date.now()}`);
  await mkdir(pending, { recursive: true });
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${pending}`];
  await run('mvn', ['-q', '-B', '-f', join(import.meta.dirname, 'pom.xml'), ...goal], { timeout: MAVEN_TIMEOUT_MS });
  try {
    await rename(pending, jars);
  } catch (error) {
    await rm(pending, { recursive: true, force: true });
    if ((await jarNames(jars)).length === 0) throw error;
  }
}

async function jarNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => name.endsWith('.jar')).sort();
}
