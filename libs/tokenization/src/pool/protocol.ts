import type { WireError } from '@alphapo/base';
import type { TokenizerDescription, TokenizerOptions } from '../tokenizer.ts';
import type { JobName, Jobs, Stage } from './jobs.ts';

/** Messages to a tokenizer process: first the tokenizer to open, then jobs, one at a time. */
export type ToWorker = { readonly folder: string; readonly options: TokenizerOptions } | JobMessage;

export interface JobMessage<K extends JobName = JobName> {
  readonly name: K;
  readonly items: readonly Jobs[K]['item'][];
  readonly options: Jobs[K]['options'];
}

/** The outcome of an item. */
export type Outcome<Result = unknown> = { readonly result: Result } | { readonly error: WireError };

/** Messages from a tokenizer process: whether the tokenizer is open, the current stage, the outcome of the job's next item. */
export type FromWorker =
  | { readonly opened: Outcome<TokenizerDescription> }
  | { readonly stage: Stage }
  | { readonly outcome: Outcome };
