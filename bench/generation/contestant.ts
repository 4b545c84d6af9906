/** What a contestant is given, as a file of JSON: every one does the same. */
export interface Task {
  /** Model folder, or GGUF file. */
  readonly model: string;
  /** Token ids of the prompts that are continued together, all of the same length. */
  readonly prompts: readonly (readonly number[])[];
  /** Tokens of each continuation; no end token ends one. */
  readonly tokens: number;
  /** Tokens of a continuation that comes before and is not measured. */
  readonly warmUpTokens: number;
  readonly threads: number;
  readonly dtype: 'float32' | 'float16' | 'bfloat16';
}

/** What a contestant prints, as its last line of JSON. */
export interface Measured {
  /** Until all prompts have their first token. */
  readonly firstSeconds: number;
  /** Until all have all tokens. */
  readonly totalSeconds: number;
  readonly peakMemoryMb: number;
  /** Processor time of the whole process. */
  readonly processorSeconds: number;
  /** Of each prompt. */
  readonly continuations: readonly (readonly number[])[];
}

/** Who generates, and what it computes in. */
export interface Contestant {
  readonly name: 'AlphaPO' | 'transformers' | 'llama.cpp';
  readonly dtype: Task['dtype'];
  /** Program and arguments; the file of the task comes behind them. */
  readonly command: readonly string[];
  /** Model folder, or GGUF file. */
  readonly model: string;
}
