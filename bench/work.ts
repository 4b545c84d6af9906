import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ComputeSettings, DEFAULT_COMPUTE } from '@alphapo/contracts';
import type { PairTokens } from '@alphapo/engine';

/** The work that all contestants do: a model folder, pairs of token ids in training order, a starting adapter. */
export interface Work {
  readonly model: string;
  readonly adapter: string;
  readonly pairs: readonly (PairTokens & { readonly id: string })[];
}

/** Pairs per optimizer step, and the objective, as the peers have them. */
export const BATCH = 8;
export const OBJECTIVE = { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.625 } as const;
export const LEARNING_RATE = { lora: 1e-4, full: 1e-5 } as const;
export type Method = keyof typeof LEARNING_RATE;

/** How the gradient is computed: as `alphapo train` does by default. */
export function computeOf(method: Method): ComputeSettings {
  return { ...DEFAULT_COMPUTE, weights: method === 'lora' ? 'packed' : 'in-place' };
}

/** Opens a work folder that the peers made. */
export async function openWork(folder: string): Promise<Work> {
  const { pairs } = JSON.parse(await readFile(join(folder, 'pairs.json'), 'utf8'));
  return { model: join(folder, 'model'), adapter: join(folder, 'adapter0'), pairs };
}

/** The pairs of a step; the data is gone through again and again. */
export function batchOf({ pairs }: Work, step: number, batch = BATCH): Work['pairs'] {
  return Array.from({ length: batch }, (_, i) => pairs[(step * batch + i) % pairs.length] as Work['pairs'][number]);
}

/** Floating-point operations that training on a pair needs, its prompt computed once: products of matrices only. */
export async function operationsPerPair(work: Work, method: Method): Promise<number> {
  const config = JSON.parse(await readFile(join(work.model, 'config.json'), 'utf8'));
  const { hidden_size: D, intermediate_size: F, num_hidden_layers: layers, vocab_size: V } = config;
  const shared = config.num_key_value_heads / config.num_attention_heads;
  const linear = layers * (2 * D * D * (1 + shared) + 3 * D * F);
  const mean = (of: (pair: PairTokens) => number) => work.pairs.reduce((sum, p) => sum + of(p), 0) / work.pairs.length;
  const tokens = mean(({ prompt, chosen, rejected }) => prompt.length + chosen.length + rejected.length);
  const responses = mean(({ chosen, rejected }) => chosen.length + rejected.length);
  const seen = mean(
    ({ prompt: p, chosen: c, rejected: r }) =>
      (p.length ** 2 + c.length ** 2 + r.length ** 2) / 2 + p.length * (c.length + r.length),
  );
  // A product and the gradient of its input; with all weights trained, the gradient of the weight as well.
  const passes = method === 'lora' ? 2 : 3;
  return 2 * passes * (linear * tokens + V * D * responses) + 2 * 3 * 2 * layers * D * seen;
}
