import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { main } from '@alphapo/cli';
import { openKafkaEventLog } from '@alphapo/messaging';
import type { Reachable } from '../kafka/broker.ts';
import { freePort } from '../support/free-port.ts';
import { ServiceProcess } from '../support/processes.ts';
import { lineageProblems, readLedger } from './ledger.ts';
import { checkpointsIn } from './services.fixture.ts';

/** A run's place: what it trains, on what, and how. */
export interface RunPlace {
  readonly folder: string;
  readonly model: string;
  readonly data: string;
  /** Settings in YAML or JSON; the steps are among them. */
  readonly config: string;
}

const ADAPTER = 'adapter_model.safetensors';

/** Runs `alphapo` in this process. */
export const alphapo = (...args: string[]) => main(['node', 'alphapo', ...args]);

/** The adapter's bytes after training on one machine, without Kafka, in the order of the data. */
export async function trainEmbedded({ folder, model, data, config }: RunPlace): Promise<Buffer> {
  const out = join(folder, 'embedded');
  const options = ['--no-shuffle', '--threads', '1'];
  await alphapo('train', '--model', model, '--data', data, '--config', config, '--out', out, ...options);
  return readFile(join(out, 'adapter', ADAPTER));
}

/**
 * The adapter's bytes after training over Kafka, with tokenizer, two scorers and optimizer as processes of their own. The
 * optimizer is killed after a step, between two checkpoints, and started again.
 */
export async function trainOverKafka(
  broker: Reachable,
  { folder, model, data, config }: RunPlace,
  options: { readonly prefix: string; readonly killAfterStep: number; readonly checkpointEvery: number },
): Promise<Buffer> {
  const { prefix, killAfterStep, checkpointEvery } = options;
  const brokers = broker.brokers.join(',');
  const common = ['--model', model, '--run', config, '--brokers', brokers, '--topic-prefix', prefix];
  const optimizerAddress = `127.0.0.1:${await freePort()}`;
  const scorer = () =>
    new ServiceProcess([
      ...['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0', '--threads', '1'],
      ...['--optimizer', optimizerAddress],
    ]);
  await using tokenizer = new ServiceProcess(['serve', 'tokenizer', ...common, '--address', '127.0.0.1:0']);
  await using first = scorer();
  await using second = scorer();
  const scorers = `${await first.address()},${await second.address()}`;
  const startOptimizer = () =>
    new ServiceProcess([
      ...['serve', 'optimizer', ...common, '--address', optimizerAddress, '--scorers', scorers],
      ...['--folder', join(folder, 'state'), '--checkpoint-every', `${checkpointEvery}`],
    ]);
  const killed = startOptimizer();
  await tokenizer.address();
  await alphapo('produce', '--brokers', brokers, '--topic', `${prefix}preferences`, '--data', data, '--end');
  await killed.event(({ event, step }) => event === 'step.taken' && step === killAfterStep);
  await killed.stop('SIGKILL');
  // The signal may come a step later, or more.
  const checkpoints = await checkpointsIn(join(folder, 'state/checkpoints'));
  const newest = Math.max(...checkpoints.map((name) => Number(name.replace(/^step-/, '')) || 0));
  expect(newest).toBeGreaterThanOrEqual(killAfterStep - (killAfterStep % checkpointEvery));

  await using optimizer = startOptimizer();
  await optimizer.event(({ event }) => event === 'run.finished');
  const resumedAt = optimizer.events.find(({ event }) => event === 'optimizer.started')?.step;
  expect(resumedAt).toBe(newest);
  await using exported = new ServiceProcess(['export', '--optimizer', optimizerAddress, '--name', 'last']);
  expect(await exported.exited()).toBe(0);
  for (const service of [optimizer, tokenizer, first, second]) expect(await service.stop('SIGTERM')).toBe(0);
  return readFile(join(folder, 'state/exports/last', ADAPTER));
}

/** Every record sent is in exactly one batch or in the dead letters, and every batch is one step. */
export async function expectAllAccountedFor(
  broker: Reachable,
  prefix: string,
  expected: { readonly sent: number; readonly bad: number; readonly steps: number },
): Promise<void> {
  await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' });
  const ledger = await readLedger(log, prefix);
  expect(lineageProblems(ledger)).toEqual([]);
  expect(ledger.preferences).toHaveLength(expected.sent);
  expect(ledger.deadLetters).toHaveLength(expected.bad);
  expect(ledger.steps).toHaveLength(expected.steps);
  expect(ledger.batches.filter(({ batch }) => batch.pairs.length > 0)).toHaveLength(expected.steps);
}
