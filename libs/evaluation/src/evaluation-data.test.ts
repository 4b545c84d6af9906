import type { RightAnswer } from '@alphapo/generation';
import { type EvaluationData, evaluationDigest } from './evaluation-data.ts';

const answer = (right: RightAnswer[number]) => [right] as RightAnswer;
const DATA: EvaluationData = {
  pairs: [{ id: 'a', prompt: [1], chosen: [2], rejected: [3], weight: undefined }],
  prompts: [{ id: '1', text: 'one', tokens: [1, 2], answer: answer({ regex: /two/su }) }],
  maxAnswerTokens: 16,
};
const [pair, prompt] = [DATA.pairs[0] as EvaluationData['pairs'][0], DATA.prompts[0] as EvaluationData['prompts'][0]];

test.each<[string, Partial<EvaluationData>]>([
  ['a pair', { pairs: [{ ...pair, chosen: [4] }] }],
  ["a pair's weight", { pairs: [{ ...pair, weight: 0.5 }] }],
  ['a pair more', { pairs: [pair, pair] }],
  ['a prompt', { prompts: [{ ...prompt, tokens: [1] }] }],
  ['a right answer', { prompts: [{ ...prompt, answer: answer({ regex: /three/su }) }] }],
  ['no right answer', { prompts: [{ ...prompt, answer: undefined }] }],
  ['the longest answer', { maxAnswerTokens: 17 }],
])('another digest: %s', (_what, change) => {
  expect(evaluationDigest({ ...DATA, ...change })).not.toBe(evaluationDigest(DATA));
});

test.each<[string, Partial<EvaluationData>, Partial<EvaluationData>]>([
  ['where a pair stood', {}, { pairs: [{ ...pair, id: 'b', weight: 1 }] }],
  ['the longest answer where nothing is answered', { prompts: [] }, { prompts: [], maxAnswerTokens: 17 }],
])('the same digest: %s', (_what, one, other) => {
  expect(evaluationDigest({ ...DATA, ...one })).toBe(evaluationDigest({ ...DATA, ...other }));
});
