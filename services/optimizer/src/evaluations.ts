import { AlphapoError } from '@alphapo/base';
import type { WrittenModel } from '@alphapo/checkpoints';
import {
  type EvaluatedStep,
  evaluationRecordSchema,
  type PolicyVersion,
  RUN_HEADER,
  SamplerServiceDefinition,
  type ScoreRequest,
} from '@alphapo/contracts';
import { type ModelFolder, openReference } from '@alphapo/engine';
import {
  bestStepOf,
  collapseOf,
  type EvaluationData,
  evaluateAnswers,
  evaluatePairs,
  evaluationDigest,
  type Generate,
  type TrainingWarning,
  warningsOf,
  weightsOfModel,
  weightsOfTensors,
} from '@alphapo/evaluation';
import { type EventLog, type Patience, patiently, type Waiting } from '@alphapo/messaging';
import { connect, type RpcSecurity } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { EvaluationNumbers, OptimizerEvents } from './events.ts';
import type { OutsideFacts } from './exporter.ts';
import type { Lease } from './lease.ts';
import type { PolicyReading } from './policy.ts';
import type { Run } from './run.ts';
import { isExplained, type ScorerStatus } from './scorer.ts';
import type { ScorerPool } from './scorer-pool.ts';

/** What a policy is evaluated on, and when. */
export interface EvaluationConfig extends EvaluationData {
  /** Steps between two evaluations, besides those before the first step and after the last; 0: none between. */
  readonly every: number;
  /** Host and port of the sampler that answers. */
  readonly findSampler: () => string;
  /** Ends the run at the first sign that it has broken its model. */
  readonly stopOnCollapse: boolean;
  /** Receives what is done, and what it waits for; undefined after an evaluation. */
  readonly onDoing?: (doing: string | undefined) => void;
  /** What the export of the best policy says besides. */
  readonly facts?: (evaluations: readonly EvaluatedStep[]) => OutsideFacts;
}

/** Name of the export of the best policy, where a run may end at a collapse. */
export const BEST_EXPORT = 'best';

/** A policy that was exported as the best so far. */
interface BestPolicy {
  readonly step: number;
  /** What became of the weights of a whole model; undefined for adapters, and where an earlier process exported it. */
  readonly weights: WrittenModel | undefined;
}

/** A place in a run at which its policy may be evaluated. */
export interface RunPoint {
  /** Steps taken. */
  readonly step: number;
  /** No further step follows. */
  readonly isLast: boolean;
}

interface EvaluationParts {
  readonly config: EvaluationConfig;
  readonly run: Run;
  readonly model: ModelFolder;
  readonly referenceFolder: string | undefined;
  readonly log: EventLog;
  readonly topic: string;
  readonly scorers: ScorerPool;
  readonly security: RpcSecurity | undefined;
  readonly logger: Logger<OptimizerEvents>;
  readonly readPolicy: () => Promise<PolicyReading>;
  /** Writes a policy as the export of the best one. */
  readonly exportBest: (policy: PolicyReading, facts: OutsideFacts) => Promise<WrittenModel | undefined>;
  /** The step of this run that the export of the best one has; undefined: there is none. */
  readonly exportedStep: () => Promise<number | undefined>;
  readonly lease: Lease;
}

const CALL_TIMEOUT_MS = 60 * 60_000;

/**
 * The evaluations of a run: each evaluated step has one record in `evaluations`. After a crash a step may have two, of the same policy; the last
 * one counts. The policy stays as it is while it is evaluated. Evaluations on other data do not count: where the data has changed, evaluating
 * begins anew with the next policy.
 */
export class Evaluations {
  readonly #parts: EvaluationParts;
  readonly #dataDigest: string;
  readonly #steps = new Map<number, EvaluatedStep>();
  readonly #listeners = new Set<() => void>();
  /** What is done, what that waits for, and both in words. */
  #work: string | undefined;
  #waiting: string | undefined;
  #doing: string | undefined;
  #spentMs = 0;
  #best: BestPolicy | undefined;
  #collapse: TrainingWarning | undefined;

  private constructor(parts: EvaluationParts) {
    this.#parts = parts;
    this.#dataDigest = evaluationDigest(parts.config);
  }

  /** Reads what was evaluated before. Errors: STOPPED. */
  static async open(parts: EvaluationParts, signal: AbortSignal): Promise<Evaluations> {
    const evaluations = new Evaluations(parts);
    const { log, topic, run, logger } = parts;
    await log.ensureTopics([{ name: topic, partitions: 1, retentionMs: 'forever' }]);
    const { first } = await log.bounds(topic, 0);
    for await (const records of log.read(topic, 0, first, { stop: 'at-end', signal })) {
      for (const { headers, value, offset } of records) {
        if (headers[RUN_HEADER] !== run.id) continue;
        const evaluated = parseRecord(value);
        if (evaluated?.dataDigest === evaluations.#dataDigest) evaluations.#add(evaluated);
        else logger.warn('evaluation.passed-over', { topic, offset, reason: evaluated ? 'other-data' : 'unreadable' });
      }
    }
    if (signal.aborted) throw new AlphapoError('cancelled', 'STOPPED', `stopped while it read ${topic}`);
    const step = await parts.exportedStep();
    if (step !== undefined) evaluations.#best = { step, weights: undefined };
    return evaluations;
  }

  /** By growing step. */
  get steps(): readonly EvaluatedStep[] {
    return [...this.#steps.values()].sort((a, b) => a.step - b.step);
  }

  /** What is done, and what it waits for; undefined between evaluations. */
  get doing(): string | undefined {
    return this.#doing;
  }

  /** The collapse that ended the run; undefined: none has. */
  get collapse(): TrainingWarning | undefined {
    return this.#collapse;
  }

  /** What the export of the best policy has; undefined: there is none. */
  get best(): BestPolicy | undefined {
    return this.#best;
  }

  /** Time that all evaluations took. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /**
   * Evaluates the policy where that is due and has not been done. Returns why the run should end, where it should. Errors: NON_FINITE_SCORE,
   * FENCED, and those of the calls that waiting does not cure.
   */
  async at(point: RunPoint, signal: AbortSignal): Promise<string | undefined> {
    if (this.#isDue(point)) await this.#evaluate(point.step, signal);
    const collapse = this.#parts.config.stopOnCollapse ? collapseOf(this.#upTo(point.step)) : undefined;
    this.#collapse = collapse;
    if (collapse === undefined) return undefined;
    const kept =
      this.#best === undefined || this.#best.step >= collapse.step
        ? 'no policy from before was exported, as stopOnCollapse was not set then'
        : `export ${BEST_EXPORT} has the policy of step ${this.#best.step}`;
    return `ended at step ${point.step}, because the model collapsed at step ${collapse.step}: ${collapse.text}; ${kept}`;
  }

  /** Every evaluation from a step on: those made, then each as it is made, until the signal. */
  async *follow(fromStep: number, signal: AbortSignal): AsyncGenerator<EvaluatedStep> {
    for (let next = fromStep; ; ) {
      const found = this.steps.find(({ step }) => step >= next);
      if (found !== undefined) {
        yield found;
        next = found.step + 1;
      } else if (signal.aborted) return;
      else await this.#changed(signal);
    }
  }

  #isDue({ step, isLast }: RunPoint): boolean {
    const { every, pairs, prompts } = this.#parts.config;
    if (this.#steps.has(step) || pairs.length + prompts.length === 0) return false;
    return step === 0 || isLast || this.#steps.size === 0 || (every > 0 && step % every === 0);
  }

  /** Those of steps that were taken. After a crash there may be evaluations of steps that are taken again. */
  #upTo(last: number): EvaluatedStep[] {
    return this.steps.filter(({ step }) => step <= last);
  }

  async #evaluate(step: number, signal: AbortSignal): Promise<void> {
    const { config, run, scorers, logger, readPolicy, lease } = this.#parts;
    const started = performance.now();
    const doing = `evaluating after step ${step}`;
    this.#do(doing);
    try {
      using policy = await readPolicy();
      const version = { runId: run.id, step: BigInt(step), digest: policy.digest };
      const score = (request: ScoreRequest) =>
        scorers.score(request, {
          signal,
          onWaiting: (waiting) => (waiting ? this.#wait(whyNone(scorers.statuses)) : this.#goOn()),
          onPolicyGone: () => lease.assertHeld(),
        });
      const scored = { score, weights: () => this.#weights(policy) };
      const ofPolicy = { ...scored, policy: { $case: 'version', value: version } } as const;
      const { objective } = run.specification;
      const evaluated: EvaluatedStep = {
        ...{ step, policyDigest: policy.digest, dataDigest: this.#dataDigest },
        ...(config.pairs.length > 0 && { evaluation: await evaluatePairs(config.pairs, { objective, ...ofPolicy }) }),
        ...(config.prompts.length > 0 && { answers: await this.#answers(version, { ...scored, doing, signal }) }),
      };
      const before = this.#upTo(step);
      const known = warningsOf(before).map(({ kind }) => kind);
      const all = [...before, evaluated];
      await lease.assertHeld();
      // Before the record, so that a run that ends here has evaluated nothing that it has not kept.
      if (config.stopOnCollapse && bestStepOf(all, [this.#best?.step, step]) === step) await this.#export(policy, all);
      await this.#publish(evaluated, signal);
      this.#add(evaluated);
      for (const notify of this.#listeners) notify();
      logger.info('policy.evaluated', { step, ...numbersOf(evaluated), durationMs: performance.now() - started });
      for (const warning of warningsOf(all)) {
        if (!known.includes(warning.kind)) logger.warn('run.harms', { ...warning });
      }
    } finally {
      this.#do(undefined);
      this.#spentMs += performance.now() - started;
    }
  }

  async #export(policy: PolicyReading, evaluated: readonly EvaluatedStep[]): Promise<void> {
    const { config, exportBest } = this.#parts;
    // While it is written over, there is none.
    this.#best = undefined;
    this.#best = { step: policy.step, weights: await exportBest(policy, config.facts?.(evaluated) ?? {}) };
  }

  async #answers(
    policy: PolicyVersion,
    {
      doing,
      signal,
      ...scored
    }: Pick<Parameters<typeof evaluateAnswers>[1], 'score' | 'weights'> & { doing: string; signal: AbortSignal },
  ) {
    const { config, security } = this.#parts;
    const generate: Generate = (request) =>
      this.#patiently(
        doing,
        async () => {
          using sampler = connect(SamplerServiceDefinition, config.findSampler(), security);
          const parts = await Array.fromAsync(sampler.generate(request, { timeoutMs: CALL_TIMEOUT_MS, signal }));
          return parts.flatMap(({ part }) => (part?.$case === 'continuation' ? [part.value] : []));
        },
        { signal, isPassing: isPassingAtSampler },
      );
    return evaluateAnswers(config.prompts, {
      ...{ policy, maxTokens: config.maxAnswerTokens, generate, ...scored },
      onProgress: (answered) => this.#do(`${doing}: ${answered} of ${config.prompts.length} prompts`),
    });
  }

  async #publish(evaluated: EvaluatedStep, signal: AbortSignal): Promise<void> {
    const { log, topic, run } = this.#parts;
    const value = JSON.stringify({ runId: run.id, ...evaluated });
    const headers = { [RUN_HEADER]: run.id };
    const record = { topic, partition: 0, key: run.id, value, headers };
    await this.#patiently(`publishing the evaluation of step ${evaluated.step}`, () => log.append([record]), {
      signal,
    });
  }

  async #patiently<T>(
    doing: string,
    work: () => Promise<T>,
    patience: Pick<Patience, 'signal' | 'isPassing'>,
  ): Promise<T> {
    const onWaiting = (waiting: Waiting) => {
      this.#wait(waiting.error);
      this.#parts.logger.warn('evaluation.awaited', { ...waiting });
    };
    const result = await patiently(doing, work, { ...patience, onWaiting });
    this.#goOn();
    return result;
  }

  #wait(why: string): void {
    this.#waiting = why;
    this.#tell();
  }

  #goOn(): void {
    this.#waiting = undefined;
    this.#tell();
  }

  async #weights({ tensors }: PolicyReading) {
    const { model, referenceFolder } = this.#parts;
    const reference = referenceFolder === undefined ? [] : [await openReference(model, referenceFolder)];
    return [weightsOfTensors(tensors), ...[model, ...reference].map(weightsOfModel)];
  }

  #do(what: string | undefined): void {
    this.#work = what;
    this.#waiting = undefined;
    this.#tell();
  }

  #tell(): void {
    const doing = this.#waiting === undefined ? this.#work : `${this.#work}; waiting: ${this.#waiting}`;
    if (doing === this.#doing) return;
    this.#doing = doing;
    this.#parts.config.onDoing?.(doing);
  }

  #add(evaluated: EvaluatedStep): void {
    this.#steps.set(evaluated.step, evaluated);
  }

  #changed(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = () => {
      this.#listeners.delete(done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    this.#listeners.add(done);
    signal.addEventListener('abort', done, { once: true });
    return promise;
  }
}

function numbersOf({ evaluation, answers }: EvaluatedStep): EvaluationNumbers {
  return {
    ...(evaluation && {
      accuracy: evaluation.accuracy,
      margin: evaluation.margin,
      logProbChosen: evaluation.logProbChosen,
    }),
    ...(answers && {
      ...{ right: answers.right, tokens: answers.tokens, ended: answers.ended },
      ...{ repetition: answers.repetition, divergence: answers.divergence },
    }),
  };
}

/** A sampler that is away, full or starting answers later; so does one that had no room left for the policy. */
const isPassingAtSampler = (error: unknown): boolean =>
  isExplained(error) || (error instanceof AlphapoError && error.reason === 'POLICY_NOT_LOADED');

/** With what the scorers that are known said last. */
function whyNone(scorers: readonly ScorerStatus[]): string {
  const messages = scorers.flatMap(({ address, message }) => (message === '' ? [] : [`${address}: ${message}`]));
  return ['no scorer is ready', ...messages].join('; ');
}

/** Undefined: it is no evaluation. Nobody but the run's optimizer should write to the topic, and no record of it can be removed. */
function parseRecord(value: Uint8Array | null): EvaluatedStep | undefined {
  try {
    const { runId: _, ...evaluated } = evaluationRecordSchema.parse(
      JSON.parse(new TextDecoder().decode(value ?? new Uint8Array())),
    );
    return evaluated;
  } catch {
    return undefined;
  }
}
