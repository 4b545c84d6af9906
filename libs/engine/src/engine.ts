import type { FloatTensors } from '@alphapo/base';
import type { ComputeSettings, Dtype, Objective, TrainingMethod } from '@alphapo/contracts';
import type { BatchTotals } from './batch-totals.ts';
import type { Continuation, GeneratedToken, GenerationRequest, TokenScores } from './generation/sequence.ts';
import type { PolicyChoice } from './policy-choice.ts';

export type { PolicyChoice } from './policy-choice.ts';

/** A preference pair as token ids. */
export interface PairTokens {
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
  /** What the pair counts in the loss: finite and at least 0; 1 where absent. */
  readonly weight?: number | undefined;
}

/** One response after its prompt, as token ids. */
export interface SequenceTokens {
  readonly prompt: readonly number[];
  readonly response: readonly number[];
}

/** Log-probabilities of a response given its prompt, in nats, one per response token. */
export interface SequenceLogProbs {
  readonly sum: number;
  /** sum / tokens. */
  readonly mean: number;
  readonly tokens: number;
  readonly logProbs: Float32Array;
}

/** What a pair did in the forward pass. Rewards as the objective defines them, and its loss times the pair's weight. */
export interface PairOutcome {
  readonly chosen: SequenceLogProbs;
  readonly rejected: SequenceLogProbs;
  readonly rewardChosen: number;
  readonly rewardRejected: number;
  /** rewardChosen - rewardRejected. */
  readonly margin: number;
  readonly loss: number;
}

/**
 * The gradient of a shard: of sum(weight * loss of its pairs) / batchPairs, by trainable tensor, in the policy's order. Where
 * the objective averages over tokens, a pair's loss has its share of the whole batch's average.
 */
export interface ShardGradient {
  readonly pairs: readonly PairOutcome[];
  readonly loss: number;
  readonly gradient: FloatTensors;
  readonly computeMs: number;
}

/** An objective, and the batch that the pairs belong to. */
export interface AppliedObjective {
  readonly objective: Objective;
  readonly batch: BatchTotals;
}

/** A shard of a batch: its pairs, and the totals of the whole batch. */
export interface GradientRequest extends BatchTotals {
  readonly pairs: readonly PairTokens[];
  readonly objective: Objective;
  readonly policyDigest: string;
  readonly compute: ComputeSettings;
}

export interface ModelDescription {
  readonly modelType: string;
  /** Digest over config.json and the layout of the weights. */
  readonly digest: string;
  /** Digest of the model that objectives with a reference compare with; the same as `digest` where none was given. */
  readonly referenceDigest: string;
  readonly parameterCount: number;
  readonly vocabularySize: number;
  /** Longest sequence that the positions of the model allow. */
  readonly maxPositions: number;
  readonly executionProvider: string;
  /** Element type of frozen weights and activations. */
  readonly dtype: Dtype;
  readonly threads: number;
  /** ENGINE_REVISION. */
  readonly engineRevision: number;
  /** The library that executes graphs, its version and the platform. */
  readonly runtime: string;
}

/** What scoring has computed since the engine was opened. */
export interface ScoringStatistics {
  readonly calls: number;
  /** Runs of the model. */
  readonly executions: number;
  /** Runs with rows of more than one call. */
  readonly mergedExecutions: number;
}

/**
 * A model opened for computing, in a worker thread: the caller's event loop stays free. Score calls that wait at the same
 * time under the same policy are computed together; gradients run one after the other, and let one execution of waiting
 * scores go first between two packs. An aborted signal removes a waiting call, or stops a running one between two packs.
 *
 * A gradient depends on its request alone, to the bit. So does a score with merging off; where calls are merged, the last
 * bits of a score depend on what it was computed with (docs/decisions/0010-merged-scores.md).
 */
export interface Engine extends AsyncDisposable {
  readonly model: ModelDescription;
  readonly scoring: ScoringStatistics;
  /** Aborts with ENGINE_STOPPED when the thread has ended. All further calls fail; open another engine. */
  readonly stopped: AbortSignal;
  /**
   * Keeps the trainable tensors of a policy under its digest. Only a few are kept: the least recently used one is evicted
   * first, but never while a call needs it. The tensors' buffers are moved to the engine's thread: don't use them afterwards.
   * Errors: POLICY_MISMATCH with the name where a tensor is missing, unknown or of another shape.
   */
  loadPolicy(policy: { digest: string; method: TrainingMethod; tensors: FloatTensors }): Promise<void>;
  hasPolicy(digest: string): boolean;
  score(
    sequences: readonly SequenceTokens[],
    policy: PolicyChoice,
    options?: { signal?: AbortSignal },
  ): Promise<readonly SequenceLogProbs[]>;
  /**
   * Pairs share their prompt's computation. Without an objective, rewards, margin and loss are NaN. `batch`: the batch that
   * the pairs are a part of, for losses that average over its tokens; the pairs themselves where absent.
   */
  scorePairs(
    pairs: readonly PairTokens[],
    policy: PolicyChoice,
    options?: { objective?: Objective; batch?: BatchTotals; signal?: AbortSignal },
  ): Promise<readonly PairOutcome[]>;
  gradient(request: GradientRequest, options?: { signal?: AbortSignal }): Promise<ShardGradient>;
  /**
   * The log-probability of each token of a sequence after those before it, and at each place the `top` most probable tokens.
   * Errors: EMPTY_PROMPT, UNKNOWN_TOKEN, TOO_LONG, POLICY_NOT_LOADED.
   */
  tokenScores(
    sequences: readonly (readonly number[])[],
    policy: PolicyChoice,
    options?: { top?: number; signal?: AbortSignal | undefined },
  ): Promise<readonly TokenScores[]>;
  /**
   * Continues prompts; the result has a continuation for each prompt and each of its `continuations`, in this order. Requests
   * that come while others are computed join them between two tokens; what else is computed matters to the last bits only,
   * and with `batching: 'alone'` not at all. The same request gives the same tokens apart from that. `onToken` hears of each
   * token as it comes, and ends a sequence by `stop`. Errors: EMPTY_PROMPT, UNKNOWN_TOKEN, TOO_LONG, INVALID_SAMPLING,
   * NON_FINITE_LOGITS, POLICY_NOT_LOADED.
   */
  generate(
    request: GenerationRequest,
    policy: PolicyChoice,
    options?: { onToken?: (token: GeneratedToken) => 'continue' | 'stop'; signal?: AbortSignal | undefined },
  ): Promise<readonly Continuation[]>;
}
