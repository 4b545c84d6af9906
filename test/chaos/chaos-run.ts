import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@alphapo/base';
import { initModel, TINY_CONFIG } from '@alphapo/cli';
import { type EventLog, openKafkaEventLog } from '@alphapo/messaging';
import { readLedger } from '../integration/ledger.ts';
import type { ServiceEvent } from '../support/processes.ts';
import { costsOf } from './costs.ts';
import { Deployment } from './deployment.ts';
import type { FaultKind } from './faults.ts';
import { type InflictedFault, inflict } from './inflict.ts';
import type { Scene } from './injection.ts';
import { PacedProducer } from './paced-producer.ts';
import { Progress } from './progress.ts';
import { generatedRecords } from './records.ts';
import type { ChaosReport } from './report.ts';
import { faultSchedule } from './schedule.ts';
import { SmallVolume } from './small-volume.ts';
import type { UnexpectedEnd } from './supervisor.ts';
import { exportedAdapter, type RunOutcome, type RunPlace } from './undisturbed.ts';
import { checksOf } from './verdict.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly faults: number;
  readonly steps: number;
  readonly kinds: readonly FaultKind[];
  /** 0: partial batches wait for the end of the data, so the batches depend on the records alone. */
  readonly lingerMs: number;
  /** For the training under faults; the comparisons come on top. */
  readonly timeoutMs: number;
  /** Ends everything early. */
  readonly signal?: AbortSignal;
  /** Hears of each event that a service logs. */
  readonly onEvent?: (service: string, event: ServiceEvent) => void;
}

const BATCH_PAIRS = 8;
/** Few enough that a crash loses steps, and a full disk meets a checkpoint. */
const CHECKPOINT_EVERY = 6;
/** Of the data, and batches of the largest: the tokenizers must have work as long as there are faults. */
const PORTIONS = 3;
const MAX_PORTION_BATCHES = 6;
const MODEL_SEED = 42;
const TOPIC_PREFIX = 'chaos-';
/** Three checkpoints and one that is being written take some 2 MiB. */
const VOLUME_BYTES = 8 * 2 ** 20;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 300;

/** Ends of a service that no restart cures, and no fault excuses. */
const FATAL_REASONS = ['BATCH_REFUSED', 'CHECKPOINT_CONFLICT', 'OTHER_RUN'];

/**
 * Trains a tiny model over Kafka while faults come down on it, and compares the outcome with runs that nothing disturbed.
 * Rejects where the run could not be set up, or the signal aborted; a run that failed under faults is a report.
 */
export async function runChaos(options: ChaosOptions, tell: (line: string) => void): Promise<ChaosReport> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-chaos-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const place = await preparePlace(folder, options.steps);
  const skipped: Partial<Record<FaultKind, string>> = {};
  const state = join(folder, 'state');
  let volume: SmallVolume | undefined;
  if (options.kinds.includes('disk-full')) {
    try {
      volume = stack.use(await SmallVolume.mount(state, VOLUME_BYTES));
    } catch (error) {
      skipped['disk-full'] = `no small volume could be mounted (needs root on Linux): ${messageOf(error).trim()}`;
    }
  }
  const kinds = options.kinds.filter((kind) => skipped[kind] === undefined);
  const schedule = faultSchedule({ ...options, kinds });
  const lines = generatedRecords(options.seed, options.steps * BATCH_PAIRS);

  const progress = new Progress();
  const ends: UnexpectedEnd[] = [];
  const fatal = new AbortController();
  const onEvent = (service: string, event: ServiceEvent) => {
    options.onEvent?.(service, event);
    if (event.event === 'step.taken') progress.take(event.step as number);
  };
  const onEnd = (end: UnexpectedEnd) => {
    // The run's folder is gone when the report is read.
    ends.push({ ...end, message: end.message?.replaceAll(folder, '') });
    if (end.reason !== undefined) tell(`${end.service} ended: ${end.reason}: ${end.message}`);
    else if (end.message !== undefined) tell(`${end.service} ended with exit code ${end.exitCode}:\n${end.message}`);
    if (end.code === 'data-loss' || FATAL_REASONS.includes(end.reason ?? '')) {
      fatal.abort(new Error(`${end.service} ended with ${end.reason}, which no fault excuses: ${end.message}`));
    }
  };
  tell('starting Kafka and the services');
  const deployment = stack.use(
    await Deployment.start({
      ...place,
      state,
      topicPrefix: TOPIC_PREFIX,
      checkpointEvery: CHECKPOINT_EVERY,
      lingerMs: options.lingerMs,
      onEvent,
      onEnd,
    }),
  );
  const log = stack.use(await openKafkaEventLog({ brokers: deployment.broker.brokers, clientId: 'chaos' }));
  const late = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([fatal.signal, late, ...(options.signal === undefined ? [] : [options.signal])]);
  const producer = new PacedProducer({
    folder,
    brokers: deployment.link('producer → kafka').address,
    topic: `${TOPIC_PREFIX}preferences`,
    lines,
    batchPairs: BATCH_PAIRS,
    portionPairs: portionPairs(options),
    progress,
    log,
  });
  const scene: Scene = { deployment, producer, progress, volume, signal };

  tell(`training ${options.steps} steps under ${schedule.length} faults, seed ${options.seed}`);
  const inflicted: InflictedFault[] = [];
  let outcome: RunOutcome | undefined;
  let failure: string | undefined;
  try {
    const faults = inflict(schedule, scene, tell, (fault) => inflicted.push(fault));
    await Promise.all([producer.send(signal), faults, progress.reached(options.steps, signal)]);
    tell('all steps are taken');
    await endOfData(log, signal);
    outcome = await outcomeOf(deployment, log, state);
  } catch (error) {
    options.signal?.throwIfAborted();
    failure = late.aborted
      ? `not done after ${options.timeoutMs / 1000} s, at step ${progress.step}`
      : messageOf(error);
  }
  const ledger = await readLedger(log, TOPIC_PREFIX).catch((error: unknown) => {
    failure ??= `the ledger cannot be read: ${messageOf(error)}`;
    return undefined;
  });
  tell('stopping all services');
  const exitCodes = await deployment.stop(STOP_TIMEOUT_MS);

  tell('comparing with runs that nothing disturbs');
  const { seed, steps } = options;
  const brokers = deployment.broker.brokers.join();
  const runPlace = ['--brokers', brokers, '--topic-prefix', TOPIC_PREFIX, '--checkpoints', join(state, 'checkpoints')];
  const remains = { place, steps, batchPairs: BATCH_PAIRS, lines, failure, ledger, outcome, exitCodes, runPlace };
  return {
    seed,
    steps,
    batchPairs: BATCH_PAIRS,
    records: { sent: lines.length, bad: lines.filter(({ good }) => !good).length },
    skipped,
    ...costsOf(inflicted, progress.times),
    ends,
    checks: await checksOf(remains),
  };
}

/** Resolves when the tokenizers are through with the records: then each must be in a batch or a dead letter. */
async function endOfData(log: EventLog, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { batches } = await readLedger(log, TOPIC_PREFIX);
    if (batches.at(-1)?.batch.endOfData) return;
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function outcomeOf(deployment: Deployment, log: EventLog, state: string): Promise<RunOutcome> {
  const adapter = await exportedAdapter(await deployment.optimizerAddress(), state);
  const { steps } = await readLedger(log, TOPIC_PREFIX);
  return { policyDigests: steps.map(({ policyDigest }) => policyDigest), adapter };
}

/** Whole batches; with a linger not quite, so that there is something to flush. */
function portionPairs({ steps, lingerMs }: ChaosOptions): number {
  const pairs = BATCH_PAIRS * Math.min(MAX_PORTION_BATCHES, Math.ceil(steps / PORTIONS));
  return lingerMs === 0 ? pairs : pairs - 1;
}

/** A tiny model and the settings of the run. */
async function preparePlace(folder: string, steps: number): Promise<RunPlace> {
  const [model, config] = [join(folder, 'model'), join(folder, 'run.json')];
  await initModel(model, TINY_CONFIG, MODEL_SEED);
  const settings = { objective: 'alphapo', learningRate: 1e-3, batchSize: BATCH_PAIRS, shards: 4, loraRank: 4 };
  await writeFile(config, JSON.stringify({ ...settings, steps, maxLength: 192 }));
  await mkdir(join(folder, 'state'), { recursive: true });
  return { folder, model, config };
}
