import { type Continuation, FinishReason, type GenerateRequest, type ScoreRequest } from '@alphapo/contracts';
import type { TokenPrompt } from '@alphapo/generation';
import { evaluateAnswers } from './answers.ts';

const policy = { runId: 'run', step: 3n, digest: 'sha256:3' };
const POLICY = { policy, maxTokens: 8, weights: async () => [] };
const prompt = (id: string, exact?: string): TokenPrompt => ({
  ...{ id, text: id, tokens: [1, 2] },
  answer: exact === undefined ? undefined : [{ exact }],
});
/** A continuation of a call's prompt. */
const answered = (
  index: number,
  text: string,
  tokens: number[],
  finish: FinishReason = FinishReason.STOP,
): Continuation => ({
  ...{ id: '', prompt: index, index: 0, text, tokens, finish, top: [] },
  logProbs: tokens.map(() => -0.5),
});

/** Answers every prompt of a call alike, the last one first, and remembers the calls. */
function doors(answer: (prompt: number, temperature: number) => Continuation, baseSum = -2) {
  const calls: { generate: GenerateRequest[]; score: ScoreRequest[] } = { generate: [], score: [] };
  return {
    calls,
    generate: async (request: GenerateRequest) => {
      calls.generate.push(request);
      return request.prompts.map((_, i) => answer(i, request.sampling?.temperature ?? -1)).reverse();
    },
    score: async (request: ScoreRequest) => {
      calls.score.push(request);
      const chosen = { sum: baseSum, mean: baseSum, tokens: 1, logProbs: [] };
      return {
        results: request.items.map(({ id }) => ({ id, chosen, rejected: undefined, reward: undefined })),
      } as never;
    },
  };
}

test('answers are greedy, judged, measured, and in the order of the prompts', async () => {
  const endless = answered(1, 'aaaa', [7, 7, 7, 7, 7], FinishReason.LENGTH);
  const greedy = [answered(0, 'Paris', [5, 6]), endless, answered(2, 'x', [8])];
  const { generate, score, calls } = doors((index, temperature) =>
    temperature === 0 ? (greedy[index] as Continuation) : answered(index, '', [9, 9]),
  );
  const prompts = [prompt('a', 'Paris'), prompt('b', 'Rome'), prompt('c')];
  const result = await evaluateAnswers(prompts, { ...POLICY, generate, score });
  expect(result).toEqual({
    ...{ prompts: 3, judged: 2, right: 0.5, tokens: 8 / 3, ended: 2 / 3, repetition: 0.5 / 3 },
    // Each sample: twice -0.5 under the policy, -2 under the base model; six tokens.
    divergence: 3 / 6,
    answers: [
      { id: 'a', text: 'Paris', tokens: 2, finish: 'stop', right: true },
      { id: 'b', text: 'aaaa', tokens: 5, finish: 'length', right: false },
      { id: 'c', text: 'x', tokens: 1, finish: 'stop' },
    ],
  });
  expect(calls.generate.map(({ sampling, policy: named }) => [sampling?.temperature, named?.value])).toEqual([
    [0, policy],
    [1, policy],
  ]);
  expect(calls.score).toMatchObject([{ policy: { $case: 'base' } }]);
});

test('many prompts go in several calls; the progress is told', async () => {
  const { generate, score, calls } = doors((index) => answered(index, 'x', [1]));
  const told: number[] = [];
  const prompts = Array.from({ length: 70 }, (_, i) => prompt(`${i}`));
  const onProgress = (done: number) => void told.push(done);
  const result = await evaluateAnswers(prompts, { ...POLICY, generate, score, onProgress });
  expect(result).toMatchObject({ prompts: 70, judged: 0, ended: 1 });
  expect(result.right).toBeUndefined();
  expect(told).toEqual([32, 64, 70]);
  expect(calls.generate).toHaveLength(6);
});

test('a sampler that leaves out a prompt is found out', async () => {
  const { score } = doors((index) => answered(index, 'x', [1]));
  const generate = async () => [answered(0, 'x', [1])];
  const evaluating = evaluateAnswers([prompt('a'), prompt('b')], { ...POLICY, generate, score });
  await expect(evaluating).rejects.toMatchObject({ reason: 'NO_ANSWER', message: expect.stringContaining('b') });
});

test('a long text is cut, after it was judged', async () => {
  const text = `${'a'.repeat(999)}😀 the end`;
  const { generate, score } = doors((index) => answered(index, text, [1]));
  const { right, answers } = await evaluateAnswers([prompt('a', text)], { ...POLICY, generate, score });
  expect([right, answers[0]?.text]).toEqual([1, `${'a'.repeat(999)}\uFFFD`]);
});

test('a score that is not finite is an error, not a divergence', async () => {
  const { generate, score } = doors((index) => answered(index, 'x', [1]), Number.NaN);
  const evaluating = evaluateAnswers([prompt('a')], { ...POLICY, generate, score });
  await expect(evaluating).rejects.toMatchObject({ reason: 'NON_FINITE_SCORE' });
});
