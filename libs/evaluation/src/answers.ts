import { AlphapoError } from '@alphapo/base';
import {
  type Answer,
  type Continuation,
  type EvaluatedAnswers,
  FinishReason,
  type GenerateRequest,
  type PolicyVersion,
} from '@alphapo/contracts';
import { isRight, type TokenPrompt } from '@alphapo/generation';
import { inCalls } from './calls.ts';
import { nonFiniteScore, type WeightsToCheck } from './non-finite.ts';
import { noScore, type Score } from './pairs.ts';
import { repetitionOf } from './repetition.ts';

/** Calls `SamplerService.Generate`, wherever there is a sampler; the continuations in any order. */
export type Generate = (request: GenerateRequest) => Promise<readonly Continuation[]>;

/** Prompts per call, at most: so many are answered together. */
export const CALL_PROMPTS = 32;
/** Of an answer's text, in an evaluation: a record of a topic has an upper limit. */
const KEPT_CHARACTERS = 1000;
/** Of the samples that the divergence is estimated by: the same for each step, so that steps compare. */
const SAMPLE_SEED = 0;

interface AnswerOptions {
  readonly policy: PolicyVersion;
  /** Longest answer, in tokens. */
  readonly maxTokens: number;
  readonly generate: Generate;
  /** Scores samples under the base model. */
  readonly score: Score;
  /** The weights that are scored with, to name the culprit of a score that is not finite. */
  readonly weights: () => Promise<readonly WeightsToCheck[]>;
  /** Receives how many prompts have been answered. */
  readonly onProgress?: (answered: number) => void;
}

/** Has a policy answer prompts: greedily, and once by sampling, for the divergence. Errors: NON_FINITE_SCORE; those of the calls. */
export async function evaluateAnswers(
  prompts: readonly TokenPrompt[],
  options: AnswerOptions,
): Promise<EvaluatedAnswers> {
  const answers: Answer[] = [];
  let repetition = 0;
  const samples = { logRatio: 0, tokens: 0 };
  const tokensOf = ({ tokens }: TokenPrompt) => tokens.length + options.maxTokens;
  for (const asked of inCalls(prompts, CALL_PROMPTS, tokensOf)) {
    for (const [i, { text, tokens, finish }] of (await continued(asked, 0, options)).entries()) {
      const { id, answer } = asked[i] as TokenPrompt;
      repetition += repetitionOf(tokens);
      answers.push({
        ...{ id, text: text.slice(0, KEPT_CHARACTERS).toWellFormed(), tokens: tokens.length },
        finish: finish === FinishReason.STOP ? 'stop' : 'length',
        ...(answer && { right: isRight(text, answer) }),
      });
    }
    const { logRatio, tokens } = await logRatioOfSamples(asked, options);
    samples.logRatio += logRatio;
    samples.tokens += tokens;
    options.onProgress?.(answers.length);
  }
  const judged = answers.filter(({ right }) => right !== undefined);
  const mean = (total: number) => total / prompts.length;
  return {
    prompts: prompts.length,
    judged: judged.length,
    ...(judged.length > 0 && { right: judged.filter(({ right }) => right).length / judged.length }),
    tokens: mean(answers.reduce((sum, { tokens }) => sum + tokens, 0)),
    ended: mean(answers.filter(({ finish }) => finish === 'stop').length),
    repetition: mean(repetition),
    divergence: samples.logRatio / samples.tokens,
    answers,
  };
}

/** A continuation of each prompt, in order. Errors: NO_ANSWER. */
async function continued(
  prompts: readonly TokenPrompt[],
  temperature: number,
  { policy, maxTokens, generate }: AnswerOptions,
): Promise<Continuation[]> {
  const continuations = await generate({
    prompts: prompts.map(({ id, tokens }) => ({ id, prompt: { $case: 'tokens', value: { ids: [...tokens] } } })),
    policy: { $case: 'version', value: policy },
    sampling: { temperature, topK: 0, topP: 0, minP: 0, repetitionPenalty: 0 },
    ...{ continuations: 1, maxTokens, seed: SAMPLE_SEED, stop: [] },
    ...{ ignoreEnd: false, alone: false, pieces: false, topLogProbs: 0 },
  });
  const byPrompt = new Map(continuations.map((continuation) => [continuation.prompt, continuation]));
  return prompts.map(({ id }, i) => {
    const found = byPrompt.get(i);
    if (found === undefined) throw new AlphapoError('internal', 'NO_ANSWER', `the sampler returned no answer to ${id}`);
    return found;
  });
}

/** Samples once from each prompt, and sums how much more probable the samples are under the policy than under the base model. */
async function logRatioOfSamples(
  prompts: readonly TokenPrompt[],
  options: AnswerOptions,
): Promise<{ readonly logRatio: number; readonly tokens: number }> {
  const samples = await continued(prompts, 1, options);
  const { results } = await options.score({
    items: samples.map(({ id, prompt, tokens }) => ({
      id,
      item: {
        $case: 'tokenSequence',
        value: { prompt: [...(prompts[prompt] as TokenPrompt).tokens], response: tokens },
      },
    })),
    ...{ policy: { $case: 'base', value: {} }, perToken: false, objective: undefined, batch: undefined },
  });
  const total = { logRatio: 0, tokens: 0 };
  for (const [i, { id, tokens, logProbs }] of samples.entries()) {
    const base = results[i]?.chosen?.sum;
    if (base === undefined) throw noScore(id);
    const policy = logProbs.reduce((sum, logProb) => sum + logProb, 0);
    const logRatio = policy - base;
    if (!Number.isFinite(logRatio)) throw await nonFiniteScore(id, await options.weights());
    total.logRatio += logRatio;
    total.tokens += tokens.length;
  }
  return total;
}
