import { AlphapoError } from '@alphapo/base';
import {
  computeFingerprintOf,
  computeFromWire,
  type DescribeScorerResponse,
  type GradientRequest,
  type GradientResponse,
  MAX_SHARD_PAIRS,
  needsReference,
  objectiveFromWire,
  type PolicyVersion,
  type ScoreRequest,
  type ScoreResponse,
  type ScoreResult,
} from '@alphapo/contracts';
import { type Engine, namingItem, type PolicyChoice } from '@alphapo/engine';
import type { PolicySource } from '@alphapo/policies';
import { Admission, type CallContext, tensorsToChunks } from '@alphapo/rpc';
import { batchOf, checkBatchTokens, checkDtype, checkReference, checkWeights } from './batch.ts';
import { type TextOptions, type TokenItem, tokensOfItems } from './items.ts';
import { pairResult, sequenceScore } from './messages.ts';

/** Items of one Score call: enough for batch work, little enough that a call ends in reasonable time. */
const MAX_ITEMS = 1024;
/** Score calls that the engine knows of, so that it can merge them, and those that wait; more are asked to come back. */
const SCORE_LIMITS = { concurrency: 128, queue: 256 };
/** Gradients are computed one after the other; while one is, the policy of the next can be fetched. */
const GRADIENT_LIMITS = { concurrency: 4, queue: 64 };

/** The scorer's methods. Stateless: everything in memory can be fetched again. */
export class ScorerService {
  readonly #engine: Engine;
  readonly #policies: PolicySource;
  readonly #text: TextOptions;
  readonly #scores = new Admission(SCORE_LIMITS);
  readonly #gradients = new Admission(GRADIENT_LIMITS);

  constructor(engine: Engine, policies: PolicySource, text: TextOptions) {
    this.#engine = engine;
    this.#policies = policies;
    this.#text = text;
  }

  describe(): DescribeScorerResponse {
    const { model, scoring } = this.#engine;
    return {
      modelType: model.modelType,
      modelDigest: model.digest,
      parameterCount: BigInt(model.parameterCount),
      vocabularySize: model.vocabularySize,
      maxLength: this.#text.maxLength,
      executionProvider: model.executionProvider,
      threads: model.threads,
      policies: this.#policies.loaded,
      referenceModelDigest: model.referenceDigest,
      dtype: model.dtype,
      engineRevision: model.engineRevision,
      runtime: model.runtime,
      scoring: {
        calls: BigInt(scoring.calls),
        executions: BigInt(scoring.executions),
        mergedExecutions: BigInt(scoring.mergedExecutions),
      },
    };
  }

  score(request: ScoreRequest, { signal }: CallContext): Promise<ScoreResponse> {
    return this.#scores.run(async () => {
      if (request.items.length > MAX_ITEMS) {
        throw invalid('items', `${request.items.length} items exceed the limit of ${MAX_ITEMS} per call`);
      }
      const items = await tokensOfItems(request.items, this.#text, signal);
      const { choice, policy } = await this.#choose(request, signal);
      const results = await this.#results(request, items, choice, signal);
      return { results, policy };
    }, signal);
  }

  /** The summary, then the gradient's tensors. */
  async *gradient(request: GradientRequest, { signal }: CallContext): AsyncGenerator<GradientResponse> {
    const { objective, policy, pairs, batchPairs, batchChosenTokens } = request;
    if (objective === undefined) throw invalid('objective', 'is missing');
    if (policy === undefined) throw invalid('policy', 'is missing');
    if (pairs.length === 0) throw invalid('pairs', 'is empty');
    if (pairs.length > MAX_SHARD_PAIRS) {
      throw invalid(
        'pairs',
        `${pairs.length} exceed the limit of ${MAX_SHARD_PAIRS} per shard; split the batch into more shards`,
      );
    }
    if (batchPairs < pairs.length) throw invalid('batch_pairs', `${batchPairs} is less than the ${pairs.length} pairs`);
    const parsed = objectiveFromWire(objective);
    checkBatchTokens(parsed, request);
    checkWeights(request);
    checkDtype(request.dtype, this.#engine.model.dtype);
    if (needsReference(parsed)) checkReference(request.referenceModelDigest, this.#engine.model.referenceDigest);
    const shard = {
      pairs,
      batchPairs,
      batchChosenTokens,
      objective: parsed,
      policyDigest: policy.digest,
      compute: computeFromWire(request.compute),
    };
    let policyMs = 0;
    const result = await this.#gradients.run(async () => {
      const started = performance.now();
      await this.#policies.ensure(policy, signal);
      policyMs = performance.now() - started;
      return this.#engine.gradient(shard, { signal });
    }, signal);
    const summary = {
      policy,
      pairs: pairs.flatMap((pair, i) => {
        const outcome = result.pairs[i];
        return outcome === undefined ? [] : [pairResult(pair, outcome, { perToken: false, reward: true })];
      }),
      loss: result.loss,
      tensorCount: result.gradient.size,
      computeMs: result.computeMs,
      policyMs,
      computation: computeFingerprintOf(this.#engine.model),
    };
    yield { part: { $case: 'summary', value: summary } };
    for (const value of tensorsToChunks(result.gradient)) yield { part: { $case: 'chunk', value } };
    this.#policies.reuse(result.gradient);
  }

  async #choose(
    { policy }: ScoreRequest,
    signal: AbortSignal,
  ): Promise<{ choice: PolicyChoice; policy: PolicyVersion | undefined }> {
    if (policy === undefined || policy.$case === 'base') return { choice: { kind: 'base' }, policy: undefined };
    const wanted = policy.$case === 'version' ? policy.value : undefined;
    const found = await this.#policies.ensure(wanted, signal);
    return { choice: { kind: 'policy', digest: found.digest }, policy: found };
  }

  /** Pairs and single sequences are computed in one call each, and put back into the order of the items. */
  async #results(
    request: ScoreRequest,
    items: readonly TokenItem[],
    choice: PolicyChoice,
    signal: AbortSignal,
  ): Promise<ScoreResult[]> {
    const objective = request.objective && objectiveFromWire(request.objective);
    const pairs = items.flatMap((item) => (item.kind === 'pair' ? [item.tokens] : []));
    const sequences = items.flatMap((item) => (item.kind === 'sequence' ? [item.tokens] : []));
    const options = { signal, ...(objective && { objective, batch: batchOf(request, pairs) }) };
    // The engine is given the items of one kind, and counts those.
    const ofKind = (kind: TokenItem['kind']) => items.flatMap((item, i) => (item.kind === kind ? [i] : []));
    const computed = <T>(results: Promise<readonly T[]>, kind: TokenItem['kind']) =>
      results.catch((error: unknown) => {
        throw namingItem(error, (item) => `items[${ofKind(kind)[item]}]`);
      });
    const scoredPairs = (await computed(this.#engine.scorePairs(pairs, choice, options), 'pair')).values();
    const scoredSequences = (await computed(this.#engine.score(sequences, choice, { signal }), 'sequence')).values();
    const { perToken } = request;
    return items.map((item, i) => {
      const id = request.items[i]?.id ?? '';
      if (item.kind === 'pair') {
        const { value } = scoredPairs.next();
        if (value !== undefined)
          return pairResult({ id, weight: item.tokens.weight }, value, { perToken, reward: objective !== undefined });
      } else {
        const { value } = scoredSequences.next();
        if (value !== undefined) {
          return { id, chosen: sequenceScore(value, perToken), rejected: undefined, reward: undefined };
        }
      }
      throw new AlphapoError('internal', 'MISSING_RESULT', `items[${i}] has no result`);
    });
  }
}

function invalid(field: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_REQUEST', `${field}: ${problem}`, { metadata: { field } });
}
