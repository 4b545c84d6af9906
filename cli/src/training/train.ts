import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AlphapoError, peakMemory } from '@alphapo/base';
import type { WrittenModel } from '@alphapo/checkpoints';
import {
  CONTROL_HEADER,
  END_OF_DATA,
  type EvaluatedAnswers,
  type EvaluatedStep,
  ORIGIN_HEADER,
  type RunSpecification,
  type TrainingStep,
  trainingStepSchema,
} from '@alphapo/contracts';
import type { MemoryPlan } from '@alphapo/engine';
import { evaluationDigest, type TrainingWarning, warningsOf, withWeightsToBlame } from '@alphapo/evaluation';
import type { EventLog, OutgoingRecord, ReadOptions } from '@alphapo/messaging';
import type { OutsideFacts, RunningOptimizer } from '@alphapo/optimizer';
import type { Logger } from '@alphapo/telemetry';
import type { DataReport } from './data-summary.ts';
import { type DataPair, type Dataset, fitsInLog, trainingOrder } from './dataset.ts';
import { EvaluationFile } from './evaluation-file.ts';
import { LOCAL_TOPICS, type LocalRunOptions, startLocalRun } from './local-run.ts';
import { writeRejected } from './rejected-file.ts';
import { exportLast, takeBest } from './result.ts';
import { claimRunFolder, dataDigest } from './run-folder.ts';
import type { GivenCommand, RunIdentity } from './run-identity.ts';
import { StepFile } from './step-file.ts';

/** Everything that a run on one machine needs to know. */
export interface TrainPlan extends LocalRunOptions {
  readonly runId: string;
  readonly train: readonly DataPair[];
  readonly rejected: Dataset['rejected'];
  readonly heldOut: readonly DataPair[];
  readonly evaluation: NonNullable<LocalRunOptions['evaluation']>;
  readonly shuffle: boolean;
  /** Pairs to train on, over all epochs. */
  readonly totalPairs: number;
  /** Data sets of a hub that the pairs come from, as owner/name. */
  readonly datasets: readonly string[];
  readonly resume: boolean;
  /** What training is predicted to take, and the bytes that it may take. */
  readonly memory: MemoryPlan;
  readonly memoryLimit: number;
  /** What was read, and what is trained. */
  readonly data: DataReport;
  /** What people should know about settings and data that mean something else than one might think. */
  readonly notes: readonly string[];
  /** What the run was started with, for `resume`. */
  readonly command?: GivenCommand | undefined;
}

/** Progress of a run. */
export interface TrainListener {
  onStep(step: TrainingStep): void;
  onEvaluation(evaluated: EvaluatedStep): void;
  /** Receives what an evaluation does; undefined when it has ended. */
  onEvaluating(what: string | undefined): void;
  /** Receives each kind of warning once. */
  onWarning(warning: TrainingWarning): void;
}

export interface TrainSummary {
  readonly runId: string;
  readonly model: string;
  readonly specification: RunSpecification;
  readonly steps: number;
  /** Why the run ended at a collapse; absent where it did not. */
  readonly collapsed?: TrainingWarning;
  /** The step whose policy is the result: the last one, or the best one before a collapse. */
  readonly resultStep: number;
  readonly pairs: { readonly train: number; readonly evaluation: number; readonly rejected: number };
  readonly data: DataReport;
  readonly notes: readonly string[];
  readonly evaluations: readonly EvaluatedStep[];
  readonly warnings: readonly TrainingWarning[];
  readonly firstStep: TrainingStep | undefined;
  readonly lastStep: TrainingStep | undefined;
  /** Of the result. */
  readonly policyDigest: string;
  /** `adapter` or `model`, below the run's folder. */
  readonly artefact: string;
  /** How the weights of a whole model were stored; absent for adapters. */
  readonly weights?: WrittenModel | undefined;
  readonly trainingSeconds: number;
  readonly pairsPerSecond: number;
  readonly peakMemoryMb: number;
}

/** Records per append. */
const PRODUCE_BATCH = 1000;

/** Trains on one machine, from records to an adapter or model folder. The signal stops it; it can be resumed. */
export async function train(
  plan: TrainPlan,
  listener: TrainListener,
  logger: Logger,
  signal: AbortSignal,
): Promise<TrainSummary> {
  await claimRunFolder(plan.folder, identityOf(plan), plan.resume);
  const facts = (evaluated: readonly EvaluatedStep[]) => factsOf(plan, evaluated);
  const onDoing = (what: string | undefined) => listener.onEvaluating(what);
  const evaluation = { ...plan.evaluation, facts, onDoing };
  await using run = await startLocalRun({ ...plan, evaluation }, logger, signal);
  await produce(run.log, plan);
  const done = new AbortController();
  const stop = AbortSignal.any([signal, done.signal]);
  const { trainer } = run.optimizer;
  const evaluations = await EvaluationFile.open(
    join(plan.folder, 'evaluations.jsonl'),
    evaluationDigest(plan.evaluation),
  );
  const started = performance.now();
  const steps = new StepFile(join(plan.folder, 'steps.jsonl'));
  const startStep = trainer.policy.step;
  const consuming = run.consume(stop);
  const following = followSteps(run.log, steps, stop, (step) => {
    if (step.step > startStep) listener.onStep(step);
  });
  const evaluating = followEvaluations(run.optimizer, evaluations, { listener, signal: stop });
  const training = run.optimizer.train(stop);
  const work = [consuming, following, evaluating];
  try {
    await Promise.race([training, ...work.map(failureOf)]);
  } catch (error) {
    throw await withWeightsToBlame(error, plan.model);
  } finally {
    done.abort();
    await Promise.allSettled([training, ...work]);
  }
  if (signal.aborted) throw stopped(plan, trainer.policy.step);
  await evaluating;
  for await (const step of publishedSteps(run.log, { stop: 'at-end', signal })) steps.add(step);
  await steps.end();
  const seconds = (performance.now() - started - (run.optimizer.evaluations?.spentMs ?? 0)) / 1000;
  const artefact = plan.specification.method.kind === 'full' ? 'model' : 'adapter';
  const collapsed = run.optimizer.evaluations?.collapse;
  const place = join(plan.folder, artefact);
  const result =
    (collapsed && (await takeBest(run.optimizer, place, { ...plan, before: collapsed.step }))) ??
    (await exportLast(run.optimizer, place, factsOf(plan, evaluations.steps)));
  await writeRejected(run.log, plan.folder, plan.rejected);
  const trained = run.optimizer.steps.steps.slice(startStep).reduce((sum, { pairs }) => sum + pairs, 0);
  const summary: TrainSummary = {
    runId: plan.runId,
    model: plan.model,
    specification: plan.specification,
    steps: trainer.policy.step,
    ...(collapsed && { collapsed }),
    resultStep: result.step,
    pairs: pairsOf(plan),
    data: plan.data,
    notes: plan.notes,
    evaluations: evaluations.steps,
    warnings: warningsOf(evaluations.steps),
    firstStep: steps.first,
    lastStep: steps.last,
    policyDigest: result.policyDigest,
    artefact,
    weights: result.weights,
    trainingSeconds: seconds,
    pairsPerSecond: trained / seconds,
    peakMemoryMb: peakMemory() / 2 ** 20,
  };
  await writeFile(join(plan.folder, 'summary.json'), `${JSON.stringify(summary, undefined, 2)}\n`);
  return summary;
}

const pairsOf = ({ train, heldOut, rejected }: TrainPlan) => ({
  ...{ train: train.length, evaluation: heldOut.length, rejected: rejected.length },
});

/** What an export says besides what the optimizer knows. */
function factsOf(plan: TrainPlan, evaluations: readonly EvaluatedStep[]): OutsideFacts {
  const numbers = ({ answers: _, ...others }: EvaluatedAnswers) => others;
  return {
    data: { datasets: [...plan.datasets], ...pairsOf(plan) },
    evaluations: evaluations.map(({ step, evaluation, answers }) => ({
      step,
      ...(evaluation && { evaluation: known(evaluation) }),
      ...(answers && { answers: known(numbers(answers)) }),
    })),
  };
}

/** Numbers without those that were not measured. */
const known = (numbers: Readonly<Record<string, number | undefined>>) =>
  Object.fromEntries(
    Object.entries(numbers).flatMap(([name, number]) => (number === undefined ? [] : [[name, number]])),
  );

/** Writes every evaluation to the file, those made before first, and tells of the new ones and what they warn of. */
async function followEvaluations(
  { evaluations }: RunningOptimizer,
  file: EvaluationFile,
  { listener, signal }: { listener: TrainListener; signal: AbortSignal },
): Promise<void> {
  for await (const evaluated of evaluations?.follow(0, signal) ?? []) {
    const known = warningsOf(file.steps).map(({ kind }) => kind);
    if (!(await file.add(evaluated))) continue;
    listener.onEvaluation(evaluated);
    for (const warning of warningsOf(file.steps)) if (!known.includes(warning.kind)) listener.onWarning(warning);
  }
}

function identityOf(plan: TrainPlan): RunIdentity {
  const { runId, specification, device, threads, referenceModel, initialAdapter, command } = plan;
  return {
    runId,
    dataDigest: dataDigest(plan.train, plan.heldOut, plan.shuffle),
    specification,
    model: resolve(plan.model),
    referenceModel: referenceModel && resolve(referenceModel),
    initialAdapter: initialAdapter && resolve(initialAdapter),
    device,
    threads,
    command,
  };
}

function stopped({ folder }: TrainPlan, step: number): AlphapoError {
  return new AlphapoError(
    'cancelled',
    'STOPPED',
    `stopped after step ${step}; alphapo train --resume --out ${folder} continues from there`,
  );
}

/** Rejects when the work fails; never resolves. */
async function failureOf(work: Promise<void>): Promise<never> {
  await work;
  return new Promise(() => {});
}

/**
 * Puts the records into `preferences`: rejected ones first, then the pairs in the order of training, then the end of the
 * data. The order is fixed, so an interrupted run resumes after the records that are already there.
 */
async function produce(log: EventLog, plan: TrainPlan): Promise<void> {
  const topic = LOCAL_TOPICS.preferences;
  const { next } = await log.bounds(topic, 0);
  let skip = Number(next);
  let batch: OutgoingRecord[] = [];
  const send = async () => {
    if (batch.length > 0) await log.append(batch);
    batch = [];
  };
  for (const record of recordsOf(plan)) {
    if (skip-- > 0) continue;
    batch.push({ topic, partition: 0, ...record });
    if (batch.length === PRODUCE_BATCH) await send();
  }
  await send();
}

function* recordsOf(plan: TrainPlan): Generator<{ value: Uint8Array; headers: Record<string, string> }> {
  const { seed } = plan.specification;
  for (const { bytes, origin } of plan.rejected.filter(fitsInLog)) {
    yield { value: bytes, headers: { [ORIGIN_HEADER]: origin } };
  }
  for (const { bytes, origin } of trainingOrder(plan.train, plan.totalPairs, { seed, shuffle: plan.shuffle })) {
    yield { value: bytes, headers: { [ORIGIN_HEADER]: origin } };
  }
  yield { value: new Uint8Array(), headers: { [CONTROL_HEADER]: END_OF_DATA } };
}

/** Writes every step of the run to the file, those already taken first, and calls back. */
async function followSteps(
  log: EventLog,
  file: StepFile,
  signal: AbortSignal,
  onStep: (step: TrainingStep) => void,
): Promise<void> {
  for await (const step of publishedSteps(log, { signal })) {
    file.add(step);
    onStep(step);
  }
}

async function* publishedSteps(log: EventLog, options: ReadOptions): AsyncGenerator<TrainingStep> {
  const topic = LOCAL_TOPICS.trainingSteps;
  const { first } = await log.bounds(topic, 0);
  for await (const records of log.read(topic, 0, first, options)) {
    for (const { value } of records) {
      yield trainingStepSchema.parse(JSON.parse(new TextDecoder().decode(value ?? new Uint8Array())));
    }
  }
}
