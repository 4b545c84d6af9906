import { plannedWeights } from '@alphapo/engine';
import { modelFromConfig } from '@alphapo/models';
import { fitMemory, memoryPlanner } from './memory.ts';

const model = plannedWeights(
  modelFromConfig({
    ...{ model_type: 'llama', vocab_size: 8000, hidden_size: 256, intermediate_size: 688, num_hidden_layers: 8 },
    ...{ num_attention_heads: 8, num_key_value_heads: 8, max_position_embeddings: 4096 },
  }),
  'f32',
);
const specification: Parameters<typeof memoryPlanner>[1] = {
  objective: { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25, labelSmoothing: 0 },
  method: { kind: 'lora', rank: 8, alpha: 16, targets: ['q_proj', 'v_proj'] },
  lengths: { maxLength: 512, maxPromptLength: 384 },
  dtype: 'float32',
  device: 'cpu',
  compute: { packTokens: 2048, activations: 'kept', weights: 'packed' },
};
const planner = memoryPlanner(model, specification);
const fit = (limitBytes: number, settings = {}) => fitMemory(planner, { specification, settings }, limitBytes);

test('with room nothing is given up; with less, packed weights first, then activations, then the size of packs', () => {
  const roomy = fit(1e12);
  expect(roomy.compute).toEqual(specification.compute);
  const tighter = [0, 1, 2, 3].reduce<ReturnType<typeof fit>[]>(
    (fits) => [...fits, fit((fits.at(-1) ?? roomy).plan.totalBytes - 1)],
    [],
  );
  expect(tighter.map(({ compute }) => compute)).toEqual([
    { packTokens: 2048, activations: 'kept', weights: 'in-place' },
    { packTokens: 2048, activations: 'recomputed', weights: 'packed' },
    { packTokens: 2048, activations: 'recomputed', weights: 'in-place' },
    { packTokens: 1024, activations: 'recomputed', weights: 'in-place' },
  ]);
});

test('what the settings say is not given up', () => {
  const settings = { packWeights: true, recompute: false };
  const { compute } = fit(fit(1e12).plan.totalBytes - 1, settings);
  expect(compute).toEqual({ packTokens: 1024, activations: 'kept', weights: 'packed' });
});

test('what cannot fit is refused, with the nearest length that does', () => {
  const least = planner({ compute: { packTokens: 128, activations: 'recomputed', weights: 'in-place' } });
  expect(() => fit(least.totalBytes - 1)).toThrow(/more than the limit.*--max-length 256 would fit/);
  expect(() => fit(1e6)).toThrow(/take a smaller model/);
});
