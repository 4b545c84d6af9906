import type { WireError } from '@alphapo/base';
import type { TokenizerDescription, TokenizerOptions } from '../tokenizer.ts';
import type { JobName, Jobs, Stage } from './jobs.ts';

/** To a tokenizer's process: first which one to open, then jobs, one at a time. */
export type ToWorker = { readonly folder: string; readonly options: TokenizerOptions } | JobMessage;

export interface JobMessage<K extends JobName = JobName> {
  readonly name: K;
  readonly items: readonly Jobs[K]['item'][];
  readonly options: Jobs[K]['options'];
}

/** What became of an item. */
export type Outcome<Result = unknown> = { readonly result: Result } | { readonly error: WireError };

/** From it: the tokenizer is open, or why not; the current stage; the outcome of the job's next item. */
export type FromWorker =
  | { readonly opened: Outcome<TokenizerDescription> }
  | { readonly stage: Stage }
  | { readonly outcome: Outcome };
