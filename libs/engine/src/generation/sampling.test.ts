import { seededRandom } from '@alphapo/base';
import { type SamplingSettings, sampleToken } from './sampling.ts';

const LOGITS = [2, 1, 0.5, 0, -1, -3];
const DRAWS = 4000;

/** Shares of the tokens among many draws. */
function shares(settings: SamplingSettings, logits: readonly number[] = LOGITS, occurred: readonly number[] = []) {
  const random = seededRandom(5);
  const counts = logits.map(() => 0);
  for (let i = 0; i < DRAWS; i++) {
    const { token } = sampleToken(Float32Array.from(logits), settings, { random, occurred: new Set(occurred) });
    counts[token] = (counts[token] as number) + 1;
  }
  return counts.map((count) => count / DRAWS);
}

/** What each token's share should be, where only those at `kept` are left. */
function expected(kept: readonly number[], temperature = 1, logits: readonly number[] = LOGITS) {
  const weights = logits.map((logit, i) => (kept.includes(i) ? Math.exp(logit / temperature) : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

const ALL = [0, 1, 2, 3, 4, 5];

// Probabilities at temperature 1: 0.533, 0.196, 0.119, 0.072, 0.027, 0.004 of their sum.
test.each<[string, SamplingSettings, number[]]>([
  ['all of them at temperature 1', { temperature: 1 }, expected(ALL)],
  ['sharper at a lower temperature', { temperature: 0.5 }, expected(ALL, 0.5)],
  ['only the most probable ones with top-k', { temperature: 1, topK: 2 }, expected([0, 1])],
  ['only those that reach top-p together', { temperature: 1, topP: 0.7 }, expected([0, 1])],
  ['the most probable one with a small top-p', { temperature: 1, topP: 0.01 }, expected([0])],
  ['only those within min-p of the best', { temperature: 1, minP: 0.2 }, expected([0, 1, 2])],
  ['top-p counts within what top-k left', { temperature: 1, topK: 3, topP: 0.8 }, expected([0, 1])],
  ['one at temperature 0', { temperature: 0 }, expected([0])],
])('tokens are drawn by their probabilities: %s', (_what, settings, wanted) => {
  for (const [token, share] of shares(settings).entries()) {
    expect(Math.abs(share - (wanted[token] as number))).toBeLessThan(0.03);
  }
});

test('a repetition penalty divides positive and multiplies negative logits of what occurred', () => {
  const wanted = expected(ALL, 1, [1, 1, 0.5, 0, -2, -3]);
  for (const [token, share] of shares({ temperature: 1, repetitionPenalty: 2 }, LOGITS, [0, 4]).entries()) {
    expect(Math.abs(share - (wanted[token] as number))).toBeLessThan(0.03);
  }
});

test("the log-probability is the model's, whatever was penalized or cut", () => {
  const settings = { temperature: 0.3, topK: 1, repetitionPenalty: 1.5 };
  const drawn = sampleToken(Float32Array.from(LOGITS), settings, { random: seededRandom(1), occurred: new Set([0]) });
  expect(drawn.token).toBe(0);
  expect(drawn.logProb).toBeCloseTo(Math.log(expected(ALL)[0] as number), 6);
});

test('of equally probable tokens the first is the most probable one', () => {
  const { token } = sampleToken(
    Float32Array.of(0, 3, 3, 1),
    { temperature: 0 },
    { random: seededRandom(1), occurred: new Set() },
  );
  expect(token).toBe(1);
});
