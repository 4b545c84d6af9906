import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openEngine } from '@alphapo/engine';
import { describeShared } from '../support/shared-data.ts';
import { FAMILIES, modelPath } from './golden-files.ts';
import { CPU } from './policies.ts';

/** Greedy continuations in float64; float32 must choose the same tokens. */
interface GoldenGeneration {
  readonly new_tokens: number;
  readonly rows: readonly { readonly prompt: number[]; readonly tokens: number[]; readonly log_probs: number[] }[];
}

const TOLERANCE = 5e-5;

describeShared('golden/models', () => {
  test.each(FAMILIES)('%s continues prompts as the reference does', async (family) => {
    const folder = modelPath(family);
    const golden: GoldenGeneration = JSON.parse(await readFile(join(folder, 'golden.generation.json'), 'utf8'));
    await using engine = await openEngine(folder, CPU);
    for (const batching of ['together', 'alone'] as const) {
      const continuations = await engine.generate(
        {
          prompts: golden.rows.map(({ prompt }) => prompt),
          continuations: 1,
          maxTokens: golden.new_tokens,
          endTokens: [],
          sampling: { temperature: 0 },
          seed: 0,
          batching,
        },
        { kind: 'base' },
      );
      expect(continuations.map(({ tokens }) => tokens)).toEqual(golden.rows.map(({ tokens }) => tokens));
      for (const [i, { logProbs }] of continuations.entries()) {
        const differences = logProbs.map((logProb, t) => Math.abs(logProb - (golden.rows[i]?.log_probs[t] as number)));
        expect(Math.max(...differences)).toBeLessThan(TOLERANCE);
      }
    }
  });
});
