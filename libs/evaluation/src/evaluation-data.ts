import { canonicalJson, sha256 } from '@alphapo/base';
import type { RightAnswer, TokenPrompt } from '@alphapo/generation';
import type { TokenPair } from './pairs.ts';

/** What policies are evaluated on. */
export interface EvaluationData {
  /** Held-out pairs; they may be none. */
  readonly pairs: readonly TokenPair[];
  /** Prompts that the policy answers; they may be none. */
  readonly prompts: readonly TokenPrompt[];
  /** Longest answer, in tokens. */
  readonly maxAnswerTokens: number;
}

/** Of everything that an evaluation's numbers depend on besides the policy: only those with the same digest compare. */
export function evaluationDigest({ pairs, prompts, maxAnswerTokens }: EvaluationData): string {
  const text = canonicalJson({
    pairs: pairs.map(({ prompt, chosen, rejected, weight = 1 }) => ({ prompt, chosen, rejected, weight })),
    prompts: prompts.map(({ id, tokens, answer = [] }) => ({ id, tokens, answer: answer.map(writable) })),
    maxAnswerTokens: prompts.length === 0 ? 0 : maxAnswerTokens,
  });
  return sha256(new TextEncoder().encode(text));
}

const writable = (one: RightAnswer[number]) => ('regex' in one ? { regex: one.regex.source } : one);
