import type { FloatTensors, WireError } from '@alphapo/base';
import type { TrainingMethod } from '@alphapo/contracts';
import type { ComputeOptions } from './compute.ts';
import type {
  AppliedObjective,
  GradientRequest,
  ModelDescription,
  PairOutcome,
  PairTokens,
  PolicyChoice,
  ScoringStatistics,
  SequenceLogProbs,
  SequenceTokens,
  ShardGradient,
} from './engine.ts';
import type { GeneratedToken, GenerationRequest, TokenScores } from './generation/sequence.ts';
import type { ScoringOptions } from './scheduler.ts';

/** What a worker is started with. */
export interface WorkerData {
  readonly folder: string;
  /** Folder of the model that objectives compare with; undefined: the model itself. */
  readonly referenceModel: string | undefined;
  readonly options: ComputeOptions;
  readonly scoring: ScoringOptions;
  /** Memory for keys and values of continuations, in bytes. */
  readonly cacheBytes: number;
}

/** Each call a worker takes: its arguments and its result. */
export interface Calls {
  describe: { arguments: []; result: ModelDescription };
  loadPolicy: { arguments: [digest: string, method: TrainingMethod, tensors: FloatTensors]; result: string[] };
  score: { arguments: [sequences: readonly SequenceTokens[], choice: PolicyChoice]; result: SequenceLogProbs[] };
  scorePairs: {
    arguments: [pairs: readonly PairTokens[], choice: PolicyChoice, objective: AppliedObjective | undefined];
    result: PairOutcome[];
  };
  gradient: { arguments: [request: GradientRequest]; result: ShardGradient };
  tokenScores: {
    arguments: [sequences: readonly (readonly number[])[], choice: PolicyChoice, top: number];
    result: TokenScores[];
  };
  generate: { arguments: [request: GenerationRequest, choice: PolicyChoice]; result: undefined };
  close: { arguments: []; result: undefined };
}

export type CallName = keyof Calls;

export interface Call {
  readonly id: number;
  readonly name: CallName;
  readonly arguments: readonly unknown[];
}

/** From the caller: a call, the wish that a call stop, or that a sequence of a call to generate be continued no further. */
export type ToWorker = Call | { readonly cancel: number } | { readonly finish: number; readonly sequence: number };

/** To the caller: what became of a call, what it has generated so far, or what scoring has computed so far. */
export type FromWorker =
  | { readonly id: number; readonly tokens: readonly GeneratedToken[] }
  | { readonly scoring: ScoringStatistics }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: WireError };
