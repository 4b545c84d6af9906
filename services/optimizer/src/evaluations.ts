import { AlphapoError, messageOf } from '@alphapo/base';
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
  evaluateAnswers,
  evaluatePairs,
  type Generate,
  type TokenPair,
  type TrainingWarning,
  warningsOf,
  weightsOfModel,
  weightsOfTensors,
} from '@alphapo/evaluation';
import type { TokenPrompt } from '@alphapo/generation';
import { type EventLog, patiently, type Waiting } from '@alphapo/messaging';
import { connect, type RpcSecurity } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { EvaluationNumbers, OptimizerEvents } from './events.ts';
import type { OutsideFacts } from './exporter.ts';
import type { PolicyReading } from './policy.ts';
import type { Run } from './run.ts';
import type { ScorerPool } from './scorer-pool.ts';

/** What a policy is evaluated on, and when. */
export interface EvaluationConfig {
  /** Steps between two evaluations, besides those before the first step and after the last; 0: none between. */
  readonly every: number;
  /** Held-out pairs; they may be none. */
  readonly pairs: readonly TokenPair[];
  /** Prompts that the policy answers; they may be none. */
  readonly prompts: readonly TokenPrompt[];
  /** Longest answer, in tokens. */
  readonly maxAnswerTokens: number;
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
  readonly exportBest: (policy: PolicyReading, facts: OutsideFacts) => Promise<void>;
}

const CALL_TIMEOUT_MS = 60 * 60_000;

/**
 * The evaluations of a run: each evaluated step has one record in `evaluations`. After a crash a step may have two, of the same policy; the last
 * one counts. The policy stays as it is while it is evaluated.
 */
export class Evaluations {
  readonly #parts: EvaluationParts;
  readonly #steps = new Map<number, EvaluatedStep>();
  readonly #listeners = new Set<() => void>();
  /** What is done, what that waits for, and both in words. */
  #work: string | undefined;
  #waiting: string | undefined;
  #doing: string | undefined;
  #spentMs = 0;

  private constructor(parts: EvaluationParts) {
    this.#parts = parts;
  }

  /** Reads what was evaluated before. Errors: EVALUATIONS_DAMAGED with the offset; STOPPED. */
  static async open(parts: EvaluationParts, signal: AbortSignal): Promise<Evaluations> {
    const evaluations = new Evaluations(parts);
    const { log, topic, run } = parts;
    await log.ensureTopics([{ name: topic, partitions: 1, retentionMs: 'forever' }]);
    const { first } = await log.bounds(topic, 0);
    for await (const records of log.read(topic, 0, first, { stop: 'at-end', signal })) {
      for (const { headers, value, offset } of records) {
        if (headers[RUN_HEADER] === run.id) evaluations.#add(parseRecord(value, `${topic} at offset ${offset}`));
      }
    }
    if (signal.aborted) throw new AlphapoError('cancelled', 'STOPPED', `stopped while it read ${topic}`);
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

  /** Why the run is to end; undefined: it isn't. */
  get collapse(): TrainingWarning | undefined {
    return this.#parts.config.stopOnCollapse ? collapseOf(this.steps) : undefined;
  }

  /** Time that all evaluations took. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /**
   * Evaluates the policy where that is due and has not been done. Returns why the run should end, where it should. Errors: NON_FINITE_SCORE, and
   * those of the calls that waiting does not cure.
   */
  async at(point: RunPoint, signal: AbortSignal): Promise<string | undefined> {
    if (this.#isDue(point)) await this.#evaluate(point.step, signal);
    const { collapse } = this;
    if (collapse === undefined || point.isLast) return undefined;
    return `ended at step ${point.step}, because the model collapsed at step ${collapse.step}: ${collapse.text}; export ${BEST_EXPORT} has the policy of step ${bestStepOf(this.steps)}`;
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
    return step === 0 || isLast || (every > 0 && step % every === 0);
  }

  async #evaluate(step: number, signal: AbortSignal): Promise<void> {
    const { config, run, scorers, logger, readPolicy, exportBest } = this.#parts;
    const started = performance.now();
    const doing = `evaluating after step ${step}`;
    this.#do(doing);
    try {
      using policy = await readPolicy();
      const version = { runId: run.id, step: BigInt(step), digest: policy.digest };
      const score = (request: ScoreRequest) =>
        scorers.score(request, {
          signal,
          onWaiting: (waiting) => (waiting ? this.#wait('no scorer is ready') : this.#goOn()),
        });
      const scored = {
        score,
        weights: () => this.#weights(policy),
        policy: { $case: 'version', value: version },
      } as const;
      const { objective } = run.specification;
      const evaluated: EvaluatedStep = {
        ...{ step, policyDigest: policy.digest },
        ...(config.pairs.length > 0 && { evaluation: await evaluatePairs(config.pairs, { objective, ...scored }) }),
        ...(config.prompts.length > 0 && { answers: await this.#answers(version, { score, doing, signal }) }),
      };
      const known = warningsOf(this.steps).map(({ kind }) => kind);
      const all = [...this.steps, evaluated];
      // Before the record, so that a run that ends here has evaluated nothing that it has not kept.
      if (config.stopOnCollapse && bestStepOf(all) === step) await exportBest(policy, config.facts?.(all) ?? {});
      await this.#publish(evaluated, signal);
      this.#add(evaluated);
      for (const notify of this.#listeners) notify();
      logger.info('policy.evaluated', { step, ...numbersOf(evaluated), durationMs: performance.now() - started });
      for (const warning of warningsOf(this.steps)) {
        if (!known.includes(warning.kind)) logger.warn('run.harms', { ...warning });
      }
    } finally {
      this.#do(undefined);
      this.#spentMs += performance.now() - started;
    }
  }

  async #answers(
    policy: PolicyVersion,
    {
      score,
      doing,
      signal,
    }: Pick<Parameters<typeof evaluateAnswers>[1], 'score'> & { doing: string; signal: AbortSignal },
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
        signal,
      );
    return evaluateAnswers(config.prompts, {
      ...{ policy, maxTokens: config.maxAnswerTokens, generate, score },
      onProgress: (answered) => this.#do(`${doing}: ${answered} of ${config.prompts.length} prompts`),
    });
  }

  async #publish(evaluated: EvaluatedStep, signal: AbortSignal): Promise<void> {
    const { log, topic, run } = this.#parts;
    const value = JSON.stringify({ runId: run.id, ...evaluated });
    const headers = { [RUN_HEADER]: run.id };
    const record = { topic, partition: 0, key: run.id, value, headers };
    await this.#patiently(`publishing the evaluation of step ${evaluated.step}`, () => log.append([record]), signal);
  }

  async #patiently<T>(doing: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const onWaiting = (waiting: Waiting) => {
      this.#wait(waiting.error);
      this.#parts.logger.warn('evaluation.awaited', { ...waiting });
    };
    const result = await patiently(doing, work, { signal, onWaiting });
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

function parseRecord(value: Uint8Array | null, place: string): EvaluatedStep {
  try {
    const { runId: _, ...evaluated } = evaluationRecordSchema.parse(
      JSON.parse(new TextDecoder().decode(value ?? new Uint8Array())),
    );
    return evaluated;
  } catch (error) {
    throw new AlphapoError(
      'data-loss',
      'EVALUATIONS_DAMAGED',
      `${place} is not an evaluation: ${messageOf(error)}; only the run's optimizer may write to this topic`,
    );
  }
}
