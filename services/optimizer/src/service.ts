import { AlphapoError } from '@alphapo/base';
import {
  type CheckpointResponse,
  type EvaluatedStep,
  type ExportRequest,
  type ExportResponse,
  type GetPolicyRequest,
  type GetPolicyResponse,
  type GetStatusResponse,
  objectiveToWire,
  type PauseResponse,
  type ResumeResponse,
  runSpecificationDigest,
  runStateToWire,
  ScorerState,
  trainingMethodToWire,
  type WatchEvaluationsRequest,
  type WatchEvaluationsResponse,
  type WatchStepsRequest,
  type WatchStepsResponse,
} from '@alphapo/contracts';
import { type CallContext, tensorsToChunks } from '@alphapo/rpc';
import type { Evaluations } from './evaluations.ts';
import type { Exporter } from './exporter.ts';
import type { TakenStep } from './published-steps.ts';
import type { ScorerPhase } from './scorer.ts';
import type { StepLedger } from './step-ledger.ts';
import type { Trainer } from './trainer.ts';

const SCORER_STATE: Readonly<Record<ScorerPhase, ScorerState>> = {
  connecting: ScorerState.CONNECTING,
  ready: ScorerState.READY,
  computing: ScorerState.COMPUTING,
  'backing-off': ScorerState.BACKING_OFF,
  quarantined: ScorerState.QUARANTINED,
};

interface ServedParts {
  readonly trainer: Trainer;
  readonly steps: StepLedger;
  readonly exporter: Exporter;
  readonly evaluations: Evaluations | undefined;
}

/** The optimizer's methods: a view of the trainer, and its controls. */
export class OptimizerService {
  readonly #trainer: Trainer;
  readonly #steps: StepLedger;
  readonly #exporter: Exporter;
  readonly #evaluations: Evaluations | undefined;

  constructor({ trainer, steps, exporter, evaluations }: ServedParts) {
    this.#trainer = trainer;
    this.#steps = steps;
    this.#exporter = exporter;
    this.#evaluations = evaluations;
  }

  async getStatus(): Promise<GetStatusResponse> {
    const { run, policy, status } = this.#trainer;
    const { specification } = run;
    return {
      runId: run.id,
      state: runStateToWire(status.state),
      message: status.message || (this.#evaluations?.doing ?? ''),
      policy: this.#version(policy),
      totalSteps: BigInt(specification.schedule.totalSteps),
      nextBatchOffset: status.nextBatchOffset,
      pendingShards: status.pendingShards,
      scorers: status.scorers.filter(({ phase }) => phase === 'ready' || phase === 'computing').length,
      scorerStatuses: status.scorers.map(({ address, phase, message }) => ({
        address,
        state: SCORER_STATE[phase],
        message,
      })),
      runSpecificationDigest: runSpecificationDigest(specification),
      checkpointStep: BigInt(status.checkpointStep),
      method: trainingMethodToWire(specification.method),
      objective: objectiveToWire(specification.objective),
    };
  }

  async *watchSteps({ fromStep }: WatchStepsRequest, { signal }: CallContext): AsyncGenerator<WatchStepsResponse> {
    let next = Math.max(1, Number(fromStep));
    const over = AbortSignal.any([signal, this.#trainer.ended]);
    for await (const step of this.#steps.follow(next, over)) {
      yield stepMessage(step);
      next = step.step + 1;
    }
    // The run may have ended while there are still steps to send.
    for (const step of this.#steps.steps.slice(next - 1)) yield stepMessage(step);
  }

  async *watchEvaluations(
    { fromStep }: WatchEvaluationsRequest,
    { signal }: CallContext,
  ): AsyncGenerator<WatchEvaluationsResponse> {
    const over = AbortSignal.any([signal, this.#trainer.ended]);
    for await (const evaluated of this.#evaluations?.follow(Number(fromStep), over) ?? []) {
      yield evaluationMessage(evaluated);
    }
  }

  async pause(): Promise<PauseResponse> {
    return { step: BigInt(await this.#trainer.pause()) };
  }

  async resume(): Promise<ResumeResponse> {
    return { step: BigInt(await this.#trainer.resume()) };
  }

  /** The header, then the tensors of the policy. */
  async *getPolicy({ version }: GetPolicyRequest): AsyncGenerator<GetPolicyResponse> {
    const { run } = this.#trainer;
    // Scorers name the version that the step under way needs.
    using policy = await this.#trainer.readPolicy(version === undefined ? 'other' : 'scorer');
    if (version !== undefined && version.digest !== policy.digest) {
      throw new AlphapoError(
        'not-found',
        'POLICY_GONE',
        `policy ${version.digest} of step ${version.step} is gone; the current one is of step ${policy.step}`,
      );
    }
    const header = {
      version: this.#version(policy),
      method: trainingMethodToWire(run.specification.method),
      tensorCount: policy.tensors.size,
      modelDigest: run.modelDigest,
    };
    yield { part: { $case: 'header', value: header } };
    for (const value of tensorsToChunks(policy.tensors)) yield { part: { $case: 'chunk', value } };
  }

  async checkpoint(): Promise<CheckpointResponse> {
    const { step, name } = await this.#trainer.checkpoint();
    return { step: BigInt(step), name };
  }

  async export({ name }: ExportRequest): Promise<ExportResponse> {
    using policy = await this.#trainer.readPolicy();
    const { path } = await this.#exporter.export(policy, name || `step-${policy.step}`);
    return { step: BigInt(policy.step), path };
  }

  #version({ step, digest }: { readonly step: number; readonly digest: string }) {
    return { runId: this.#trainer.run.id, step: BigInt(step), digest };
  }
}

function evaluationMessage(evaluated: EvaluatedStep): WatchEvaluationsResponse {
  const { step, policyDigest = '', dataDigest = '', evaluation, answers } = evaluated;
  return {
    ...{ step: BigInt(step), policyDigest, dataDigest },
    pairs: evaluation && { ...evaluation, marginMedian: evaluation.marginMedian ?? Number.NaN },
    answers: answers && {
      ...answers,
      answers: answers.answers.map(({ finish, ...answer }) => ({ ...answer, ended: finish === 'stop' })),
    },
  };
}

function stepMessage(step: TakenStep): WatchStepsResponse {
  const { runId: _runId, computation: _computation, step: number, batchOffset, tokens, skipped, ...numbers } = step;
  return {
    ...numbers,
    step: BigInt(number),
    batchOffset: BigInt(batchOffset),
    tokens: BigInt(tokens),
    skipped,
  };
}
