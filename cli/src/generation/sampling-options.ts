import type { Command } from 'commander';
import { count, numberWithin, positive } from '../numbers.ts';
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
    .option(
      '--temperature <number>',
      '0: always the most probable token; 1: as the model says',
      numberWithin((x) => x >= 0, 'of 0 or more'),
      0,
    )
    .option('--top-k <n>', 'draw from the n most probable tokens only', positive)
    .option(
      '--top-p <share>',
      'draw from the most probable tokens that reach this share',
      numberWithin((x) => x > 0 && x <= 1, 'above 0, at most 1'),
    )
    .option(
      '--min-p <share>',
      'draw from tokens at least this share as probable as the best',
      numberWithin((x) => x >= 0 && x < 1, 'from 0 to below 1'),
    )
    .option(
      '--repetition-penalty <number>',
      'makes tokens that occurred less probable; 1: off',
      numberWithin((x) => x > 0, 'above 0'),
    )
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
