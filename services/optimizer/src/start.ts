import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { type Checkpoint, type CheckpointRetention, CheckpointStore, readPolicyFacts } from '@alphapo/checkpoints';
import {
  type ComputeFingerprint,
  OptimizerServiceDefinition,
  type RunSpecification,
  type Topics,
} from '@alphapo/contracts';
import { ModelFolder } from '@alphapo/engine';
import { modelName } from '@alphapo/hub';
import type { EventLog } from '@alphapo/messaging';
import { ThreadPool } from '@alphapo/optim';
import { Handlers, type RpcSecurity, RpcServer } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import { BEST_EXPORT, type EvaluationConfig, Evaluations } from './evaluations.ts';
import type { OptimizerEvents } from './events.ts';
import { Exporter, type SavedDtype } from './exporter.ts';
import { FolderLease } from './folder-lease.ts';
import { initialParameters } from './initial-parameters.ts';
import { requireBatchesFrom, requireKeptLedger } from './ledger.ts';
import { Pause } from './pause.ts';
import { policyFacts } from './policy-facts.ts';
import { PublishedSteps, requireSameWeights, requireStepsUpTo } from './published-steps.ts';
import { identifyRun, type Run } from './run.ts';
import { checkRevision } from './scorer-match.ts';
import { ScorerPool } from './scorer-pool.ts';
import { OptimizerService } from './service.ts';
import { StepLedger } from './step-ledger.ts';
import { Trainer } from './trainer.ts';
import { initialState, stateFromCheckpoint } from './training-state.ts';

export interface OptimizerConfig {
  /** Folder of a Hugging Face model. */
  readonly model: string;
  /** What exports name as their base model; see `modelName`. */
  readonly baseModelName?: string | undefined;
  /** The chat template that exports get; the model's own where absent. */
  readonly chatTemplate?: string | undefined;
  /** How whole models are stored; as the base model is where absent. */
  readonly savedDtype?: SavedDtype | undefined;
  /** Folder of the model that the objective compares with; the model itself where absent. */
  readonly referenceModel?: string | undefined;
  readonly specification: RunSpecification;
  /** PEFT adapter folder to start from. */
  readonly initialAdapter?: string | undefined;
  /** Host and port to listen on. */
  readonly address: string;
  /** How long running calls have to end at a graceful stop, in milliseconds; 5 seconds where absent. */
  readonly drainMs?: number | undefined;
  /** Certificates and access; plaintext and open to everybody where absent. */
  readonly security?: RpcSecurity | undefined;
  /** Folder of the run's checkpoints. */
  readonly checkpointFolder: string;
  /** Folder below which policies are exported. */
  readonly exportFolder: string;
  readonly checkpointEvery: number;
  readonly checkpointsKept: CheckpointRetention;
  readonly topics: Topics;
  readonly shardTimeoutMs: number;
  /** What policies are evaluated on; they are not where absent. */
  readonly evaluation?: EvaluationConfig | undefined;
  /** The scorers that exist now. */
  readonly discoverScorers: () => Promise<readonly string[]>;
}

export interface RunningOptimizer extends AsyncDisposable {
  readonly address: string;
  readonly trainer: Trainer;
  readonly steps: StepLedger;
  readonly exporter: Exporter;
  /** Undefined where policies are not evaluated. */
  readonly evaluations: Evaluations | undefined;
  /** Takes steps until the run's last or the signal, and evaluates between them. Errors: those of `Trainer.train` and `Evaluations.at`. */
  train(signal: AbortSignal): Promise<void>;
  /** Asks a scorer whether it is what the run needs. Errors: SCORER_MISMATCH, and those of the call. */
  checkScorer(address: string): Promise<void>;
}

/** Its callers ask again: the next optimizer answers them. Its own step and checkpoint have ended before. */
const DRAIN_MS = 5_000;

/**
 * Brings the run's state up and serves it. Training starts with `train`. The signal stops the start; it has no effect
 * on what has started. Errors: STOPPED (cancelled), and those that say why a run cannot go on.
 */
export async function startOptimizer(
  config: OptimizerConfig,
  log: EventLog,
  logger: Logger<OptimizerEvents>,
  signal: AbortSignal,
): Promise<RunningOptimizer> {
  await using opened = new AsyncDisposableStack();
  const { specification, topics } = config;
  const folder = await ModelFolder.open(config.model);
  const run = await identifyRun(specification, folder, config.referenceModel);
  await log.ensureTopics([
    { name: topics.preferenceBatches, partitions: 1, retentionMs: 'forever' },
    { name: topics.trainingSteps, partitions: 1, retentionMs: 'forever' },
  ]);
  await requireKeptLedger(log, [topics.preferenceBatches, topics.trainingSteps], logger);
  const lease = new FolderLease(config.checkpointFolder);
  const checkpoints = new CheckpointStore(config.checkpointFolder, {
    onDamaged: (name, reason) => logger.error('checkpoint.damaged', { name, reason }),
    assertHeld: () => lease.assertHeld(),
  });
  const checkpoint = await checkpoints.newest();
  if (checkpoint !== undefined) checkSameRun(checkpoint, run, config.checkpointFolder);
  else await sayWhereNoneIsIntact(checkpoints, logger);
  const published = new PublishedSteps(log, topics.trainingSteps, run.id);
  await published.readOn(signal);
  checkRevision(run, computeFingerprintOf(published));
  const state =
    checkpoint === undefined
      ? await initialState(await initialParameters(folder, specification, config.initialAdapter))
      : stateFromCheckpoint(checkpoint);
  requireSameWeights(published, state.policy, topics.trainingSteps);
  await requireBatchesFrom(log, topics.preferenceBatches, state.nextBatchOffset);
  if (signal.aborted) throw new AlphapoError('cancelled', 'STOPPED', 'stopped during its start');
  // Only now: a start that is refused leaves an optimizer of the run at work, and another run's optimizer its folder.
  const steps = opened.use(await StepLedger.open({ log, topics, runId: run.id, published, lease, logger }, signal));
  // The last one's transaction is sure to be visible since it was fenced.
  requireStepsUpTo(published, state.policy.step, topics.trainingSteps);
  const computation = computeFingerprintOf(published);
  checkRevision(run, computation);
  await lease.claim();
  await steps.restorePosition(signal);
  const scorers = opened.use(
    new ScorerPool({
      run,
      computation,
      discover: config.discoverScorers,
      security: config.security,
      shardTimeoutMs: config.shardTimeoutMs,
      logger,
    }),
  );
  const runner = opened.use(new ThreadPool());
  const { checkpointEvery, checkpointsKept } = config;
  const trainer = new Trainer(
    {
      run,
      log,
      batchesTopic: topics.preferenceBatches,
      scorers,
      checkpoints,
      checkpointEvery,
      checkpointsKept,
      steps,
      lease,
      pause: await Pause.open(config.checkpointFolder),
      runner,
      logger,
    },
    state,
    digestsOf(checkpoint),
  );
  const exporter = new Exporter(
    config.exportFolder,
    {
      ...{ path: config.model, definition: folder.definition, chatTemplate: config.chatTemplate },
      name: await modelName(config.model, config.baseModelName),
    },
    {
      ...{ method: specification.method, savedDtype: config.savedDtype ?? 'as-stored' },
      factsOf: ({ step, digest }) =>
        policyFacts({ run, step, digest, steps: steps.steps, batches: trainer.batchDigests }),
    },
  );
  const evaluations =
    config.evaluation &&
    (await Evaluations.open(
      {
        ...{ config: config.evaluation, run, model: folder, referenceFolder: config.referenceModel },
        ...{ log, topic: topics.evaluations, scorers, security: config.security, logger },
        readPolicy: () => trainer.readPolicy('evaluation'),
        exportBest: async (policy, facts) => (await exporter.export(policy, BEST_EXPORT, facts)).weights,
        exportedStep: () => exportedStep(join(config.exportFolder, BEST_EXPORT), run),
        lease,
      },
      signal,
    ));
  const handlers = new Handlers(logger);
  const service = new OptimizerService({ trainer, steps, exporter, evaluations });
  const implementation = {
    getStatus: handlers.unary(service.getStatus.bind(service)),
    watchSteps: handlers.serverStream(service.watchSteps.bind(service)),
    watchEvaluations: handlers.serverStream(service.watchEvaluations.bind(service)),
    pause: handlers.unary(service.pause.bind(service)),
    resume: handlers.unary(service.resume.bind(service)),
    getPolicy: handlers.serverStream(service.getPolicy.bind(service)),
    checkpoint: handlers.unary(service.checkpoint.bind(service)),
    export: handlers.unary(service.export.bind(service)),
  };
  const services = [{ definition: OptimizerServiceDefinition, implementation }];
  const server = opened.use(
    await RpcServer.start({
      ...{ address: config.address, services, handlers, security: config.security },
      drainMs: config.drainMs ?? DRAIN_MS,
    }),
  );
  logger.info('optimizer.started', {
    address: server.address,
    runId: run.id,
    step: state.policy.step,
    nextBatchOffset: state.nextBatchOffset,
    policyDigest: state.policy.digest,
  });
  const owned = opened.move();
  return {
    ...{ address: server.address, trainer, steps, exporter, evaluations },
    train: (signal) => trainer.train(signal, evaluations && ((point) => evaluations.at(point, signal))),
    checkScorer: (address) => scorers.check(address),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The step of a policy of the run that was exported there; undefined: there is none. */
async function exportedStep(folder: string, run: Run): Promise<number | undefined> {
  const facts = await readPolicyFacts(folder);
  return facts?.runId === run.id ? facts.step : undefined;
}

/** What the run's steps were computed with so far; undefined where none says so. */
function computeFingerprintOf({ steps }: PublishedSteps): ComputeFingerprint | undefined {
  return steps.findLast(({ computation }) => computation !== undefined)?.computation;
}

function checkSameRun(checkpoint: Checkpoint, run: Run, folder: string): void {
  if (checkpoint.runId === run.id) return;
  const what = checkpoint.modelDigest === run.modelDigest ? 'run specification or reference model' : 'model';
  throw new AlphapoError(
    'failed-precondition',
    'OTHER_RUN',
    `${folder} has the checkpoints of run ${checkpoint.runId}, which has another ${what}; use another folder for this run`,
  );
}

/** The run's start and its ledger give the same weights again, so nothing is lost but time. */
async function sayWhereNoneIsIntact(checkpoints: CheckpointStore, logger: Logger<OptimizerEvents>): Promise<void> {
  const damaged = await checkpoints.list();
  if (damaged.length === 0) return;
  logger.error('checkpoint.none-intact', {
    folder: checkpoints.directory,
    damaged: damaged.map(({ name }) => name),
    consequence: 'every step is recomputed from the start of the ledger and compared with the published one',
  });
}

function digestsOf(checkpoint: Checkpoint | undefined) {
  if (checkpoint === undefined || checkpoint.tokenizerDigest === '') return undefined;
  return { tokenizer: checkpoint.tokenizerDigest, chatTemplate: checkpoint.chatTemplateDigest };
}
