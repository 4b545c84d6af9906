import { type Command, InvalidArgumentError } from 'commander';
import { count, positive } from '../numbers.ts';
import type { ContinueOptions } from './generator-session.ts';

/** Options of how tokens are chosen, as commander gives them. */
export interface SamplingOptions {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly seed: number;
  readonly stop?: string[];
  readonly ignoreEnd?: boolean;
  readonly alone?: boolean;
}

const DEFAULT_MAX_TOKENS = 256;

export function addSamplingOptions(command: Command): Command {
  return command
    .option('--max-tokens <n>', 'longest answer, in tokens', positive, DEFAULT_MAX_TOKENS)
    .option('--temperature <number>', '0: always the most probable token; 1: as the model says', number('from 0 on'), 0)
    .option('--top-k <n>', 'draw from the n most probable tokens only', positive)
    .option('--top-p <share>', 'draw from the most probable tokens that reach this share', number('above 0, at most 1'))
    .option('--min-p <share>', 'draw from tokens at least this share as probable as the best', number('from 0 to 1'))
    .option('--repetition-penalty <number>', 'makes tokens that occurred less probable; 1: off', number('above 0'))
    .option('--seed <number>', 'the same seed gives the same answers', count, 0)
    .option('--stop <text...>', 'end an answer where this text comes')
    .option('--ignore-end', 'no end token ends an answer: it has --max-tokens')
    .option('--alone', 'compute each answer by itself: its bits depend on nothing else, and it takes longer');
}

export function samplingOf(options: SamplingOptions): Omit<ContinueOptions, 'continuations' | 'signal'> {
  const { temperature, topK, topP, minP, repetitionPenalty, maxTokens, seed, stop = [], alone } = options;
  return {
    sampling: { temperature, topK, topP, minP, repetitionPenalty },
    ...{ maxTokens, seed, stop, batching: alone ? 'alone' : 'together' },
  };
}

const number = (range: string) => (text: string) => {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`It must be a number ${range}.`);
};
