import { join } from 'node:path';
import { temporaryFolder } from '../../../../test/temporary-folder.ts';
import type { Engine } from '../engine.ts';
import { tinyConfigs, writeTinyModel } from '../model-fixture.ts';
import { openEngine } from '../worker-engine.ts';
import type { GenerationRequest } from './sequence.ts';

const BASE = { kind: 'base' } as const;
const PROMPTS = [[3, 1, 4, 1, 5, 9, 2, 6], [27], [31, 41, 59, 26, 53, 58, 9, 7, 9, 3, 2, 3, 8]];

const request = (given: Partial<GenerationRequest> = {}): GenerationRequest => ({
  prompts: PROMPTS,
  continuations: 1,
  maxTokens: 10,
  endTokens: [],
  sampling: { temperature: 0 },
  seed: 1,
  batching: 'together',
  ...given,
});

async function open(family: keyof typeof tinyConfigs): Promise<Engine> {
  const folder = await writeTinyModel(join(await temporaryFolder(), 'model'), tinyConfigs[family]);
  return await openEngine(folder, { executionProvider: 'cpu', threads: 1 });
}

/** The log-probability of each possible next token, by the scorer. */
async function nextLogProbs(engine: Engine, tokens: readonly number[]): Promise<number[]> {
  const candidates = Array.from({ length: engine.model.vocabularySize }, (_, token) => ({
    prompt: tokens,
    response: [token],
  }));
  return (await engine.score(candidates, BASE)).map(({ sum }) => sum);
}

describe.each(Object.keys(tinyConfigs) as (keyof typeof tinyConfigs)[])('%s', (family) => {
  test('each token is the most probable one by the scorer, and has its log-probability', async () => {
    await using engine = await open(family);
    const continuations = await engine.generate(request(), BASE);
    for (const [i, { tokens, logProbs, finish }] of continuations.entries()) {
      expect(finish).toBe('length');
      expect(tokens).toHaveLength(10);
      for (const [t, token] of tokens.entries()) {
        const scored = await nextLogProbs(engine, [...(PROMPTS[i] as number[]), ...tokens.slice(0, t)]);
        expect(scored.indexOf(Math.max(...scored))).toBe(token);
        expect(logProbs[t]).toBeCloseTo(scored[token] as number, 4);
      }
    }
  });
});
