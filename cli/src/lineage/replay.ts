import { constants, cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { CheckpointStore, checkpointName } from '@alphapo/checkpoints';
import type { ExecutionProvider, RunSpecification, TrainingStep } from '@alphapo/contracts';
import { ModelFolder } from '@alphapo/engine';
import { identifyRun, type OptimizerEvents, type RunningOptimizer, startOptimizer } from '@alphapo/optimizer';
import { inProcess } from '@alphapo/rpc';
import { startScorer } from '@alphapo/scorer';
import type { Logger } from '@alphapo/telemetry';
import { stopped } from './ledger-records.ts';
import { replayedLog } from './replayed-log.ts';
import { findStep, type PublishedStep } from './step-lineage.ts';
import type { RunLedger } from './verify.ts';

/** A step to take again, and with what. */
export interface ReplayPlan {
  readonly step: number;
  readonly specification: RunSpecification;
  readonly model: string;
  readonly referenceModel: string | undefined;
  /** PEFT adapter that the run started from. */
  readonly initialAdapter: string | undefined;
  /** Newest intact checkpoint up to the step, or the run's start. */
  readonly from: 'checkpoint' | 'start';
  /** Where policy and checkpoint are written; new or empty. */
  readonly out: string;
  readonly scorers: ReplayScorers;
}

/** One scorer in this process, or others that fetch policies from `listenOn`. */
export type ReplayScorers =
  | { readonly kind: 'local'; readonly device: ExecutionProvider; readonly threads: number | undefined }
  | { readonly kind: 'remote'; readonly addresses: readonly string[]; readonly listenOn: string };

export interface ReplayResult {
  /** Step of the checkpoint that the replay began from; 0: the run's start. */
  readonly fromStep: number;
  readonly step: number;
  readonly policyDigest: string;
  /** Folders below `out`. */
  readonly artefact: string;
  readonly checkpoint: string;
}

export interface ReplayListener {
  onStart(fromStep: number): void;
  onStep(step: number): void;
}

const SHARD_TIMEOUT_MS = 60 * 60_000;
const LOOPBACK = '127.0.0.1:0';
const PROGRESS_MS = 500;

/**
 * Takes the steps of a run again up to one of them, from the ledger, by the optimizer itself on a view of the log that
 * nothing is written to. Each step must give the weights that were published. Errors: NOT_REPRODUCED with the first
 * step that differs, STEP_NOT_FOUND, OTHER_RUN, OUT_IN_USE, SCORER_MISMATCH, LEDGER_CUT_OFF, and those of the optimizer.
 */
export async function replay(
  ledger: RunLedger,
  plan: ReplayPlan,
  listener: ReplayListener,
  logger: Logger,
  signal: AbortSignal,
): Promise<ReplayResult> {
  const found = await findStep(ledger, plan.step, signal);
  const { step: wanted } = found;
  await checkRun(plan, wanted.runId);
  await claimFolder(plan.out);
  const checkpointFolder = join(plan.out, 'checkpoints');
  if (plan.from === 'checkpoint') await copyCheckpoint(ledger.checkpointFolder, checkpointFolder, plan.step, logger);
  await using opened = new AsyncDisposableStack();
  const { optimizer, scorers } = await startReplayingOptimizer(
    ledger,
    plan,
    { found, checkpointFolder },
    logger,
    signal,
  );
  opened.use(optimizer);
  if (plan.scorers.kind === 'local') {
    const { device: executionProvider, threads } = plan.scorers;
    const scorer = opened.use(
      await startScorer(
        {
          model: plan.model,
          referenceModel: plan.referenceModel,
          address: LOOPBACK,
          optimizerAddress: inProcess(optimizer.address),
          executionProvider,
          dtype: plan.specification.dtype,
          threads,
        },
        logger.with({ service: 'scorer' }),
      ),
    );
    scorers.push(inProcess(scorer.address));
  }
  // Do not wait for a scorer that computes other bits than the run did.
  for (const address of scorers) await optimizer.checkScorer(address);
  return await takeSteps(optimizer, wanted, listener, plan, signal);
}

async function startReplayingOptimizer(
  { log, topics }: RunLedger,
  plan: ReplayPlan,
  { found, checkpointFolder }: { readonly found: PublishedStep; readonly checkpointFolder: string },
  logger: Logger,
  signal: AbortSignal,
): Promise<{ optimizer: RunningOptimizer; scorers: string[] }> {
  const ends = new Map([
    [topics.preferenceBatches, BigInt(found.step.batchOffset)],
    [topics.trainingSteps, found.offset],
  ]);
  const scorers = plan.scorers.kind === 'remote' ? [...plan.scorers.addresses] : [];
  const optimizer = await startOptimizer(
    {
      model: plan.model,
      referenceModel: plan.referenceModel,
      specification: plan.specification,
      initialAdapter: plan.initialAdapter,
      address: plan.scorers.kind === 'remote' ? plan.scorers.listenOn : LOOPBACK,
      checkpointFolder,
      exportFolder: plan.out,
      // Just the one after the last step, which the one at the start then makes room for.
      checkpointEvery: Number.MAX_SAFE_INTEGER,
      checkpointsKept: { newest: 1 },
      topics,
      shardTimeoutMs: SHARD_TIMEOUT_MS,
      discoverScorers: async () => scorers,
    },
    replayedLog(log, ends),
    logger.with({ service: 'optimizer' }),
    signal,
  );
  return { optimizer, scorers };
}

async function takeSteps(
  { trainer, exporter }: RunningOptimizer,
  wanted: TrainingStep,
  listener: ReplayListener,
  { specification }: ReplayPlan,
  signal: AbortSignal,
): Promise<ReplayResult> {
  const fromStep = trainer.policy.step;
  listener.onStart(fromStep);
  const progress = setInterval(() => listener.onStep(trainer.policy.step), PROGRESS_MS);
  try {
    await trainer.train(signal);
  } catch (error) {
    throw error instanceof AlphapoError && error.reason === 'NOT_REPRODUCED'
      ? firstDifference(error, fromStep, trainer.policy.step)
      : error;
  } finally {
    clearInterval(progress);
    listener.onStep(trainer.policy.step);
  }
  if (signal.aborted) throw stopped();
  const { step, digest: policyDigest } = trainer.policy;
  // No step was taken again where the checkpoint is of the step itself.
  if (step !== wanted.step || policyDigest !== wanted.policyDigest) throw notReproduced(wanted, trainer.policy);
  const artefact = specification.method.kind === 'full' ? 'model' : 'adapter';
  using policy = await trainer.readPolicy();
  await exporter.export(policy, artefact);
  return { fromStep, step, policyDigest, artefact, checkpoint: `checkpoints/${checkpointName(step)}` };
}

/** The same error, with how far it went well. */
function firstDifference(error: AlphapoError, fromStep: number, lastStep: number): AlphapoError {
  const { code, reason, message } = error;
  const before = lastStep > fromStep ? `steps ${fromStep + 1} to ${lastStep} match the published digests, but ` : '';
  return new AlphapoError(code, reason, `NOT REPRODUCED: ${before}${message}`, { cause: error });
}

function notReproduced(
  wanted: TrainingStep,
  reached: { readonly step: number; readonly digest: string },
): AlphapoError {
  return new AlphapoError(
    'data-loss',
    'NOT_REPRODUCED',
    `step ${wanted.step} published ${wanted.policyDigest}, but the replay ended at step ${reached.step} with ${reached.digest}; check the run with alphapo verify`,
  );
}

/** The specification and the model decide which run it is: with others each step would come out differently. */
async function checkRun({ specification, model, referenceModel }: ReplayPlan, runId: string): Promise<void> {
  const run = await identifyRun(specification, await ModelFolder.open(model), referenceModel);
  if (run.id === runId) return;
  throw new AlphapoError(
    'failed-precondition',
    'OTHER_RUN',
    `the steps belong to run ${runId}, the given model, reference model and settings to run ${run.id}; pass the run's own with --model, --reference-model and --config`,
  );
}

async function claimFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length === 0) return;
  throw new AlphapoError('already-exists', 'OUT_IN_USE', `out: ${folder} is not empty; choose a new folder`);
}

/** Copies the checkpoint to begin from. Where none is intact, the replay begins at the run's start. */
async function copyCheckpoint(
  from: string | undefined,
  to: string,
  step: number,
  logger: Logger<OptimizerEvents>,
): Promise<void> {
  if (from === undefined) return;
  const onDamaged = (name: string, reason: string) => logger.error('checkpoint.damaged', { name, reason });
  const checkpoint = await new CheckpointStore(from, { onDamaged }).newest(step);
  if (checkpoint === undefined) return;
  const name = checkpointName(checkpoint.step);
  await cp(join(from, name), join(to, name), { recursive: true, mode: constants.COPYFILE_FICLONE });
}
