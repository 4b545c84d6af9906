import type { ContinueOptions } from '@alphapo/generation';
import type { Command } from 'commander';
import { count, numberWithin, positive } from '../numbers.ts';

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
    .option('--max-tokens <n>', 'maximum tokens of an answer', positive, DEFAULT_MAX_TOKENS)
    .option(
      '--temperature <number>',
      "0: greedy; 1: the model's own distribution",
      numberWithin((x) => x >= 0, 'of 0 or more'),
      0,
    )
    .option('--top-k <n>', 'sample from the n most probable tokens', positive)
    .option(
      '--top-p <share>',
      'sample from the smallest set with this probability mass',
      numberWithin((x) => x > 0 && x <= 1, 'above 0, at most 1'),
    )
    .option(
      '--min-p <share>',
      'sample from tokens at least this fraction as probable as the best one',
      numberWithin((x) => x >= 0 && x < 1, 'from 0 to below 1'),
    )
    .option(
      '--repetition-penalty <number>',
      'lower the probability of earlier tokens; 1: off',
      numberWithin((x) => x > 0, 'above 0'),
    )
    .option('--seed <number>', 'random seed; the same seed gives the same answers', count, 0)
    .option('--stop <text...>', 'end an answer at this text')
    .option('--ignore-end', 'ignore end tokens; generate --max-tokens tokens')
    .option('--alone', 'compute each answer separately: reproducible to the bit, but slower');
}

export function samplingOf(options: SamplingOptions): Omit<ContinueOptions, 'continuations' | 'signal'> {
  const {
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    maxTokens,
    seed,
    stop = [],
    ignoreEnd = false,
    alone,
  } = options;
  return {
    sampling: { temperature, topK, topP, minP, repetitionPenalty },
    ...{ maxTokens, seed, stop, ignoreEnd, batching: alone ? 'alone' : 'together' },
  };
}
