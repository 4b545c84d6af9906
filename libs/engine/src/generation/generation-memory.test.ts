import { modelFromConfig } from '@alphapo/models';
import { plannedWeights } from '../memory-plan.ts';
import { type PlannedGeneration, planGeneration } from './generation-memory.ts';

const definition = modelFromConfig({
  ...{ model_type: 'llama', vocab_size: 8000, hidden_size: 256, intermediate_size: 688, num_hidden_layers: 8 },
  ...{ num_attention_heads: 8, num_key_value_heads: 2, max_position_embeddings: 4096 },
});
const GIVEN: PlannedGeneration = {
  ...{ device: 'cpu', dtype: 'float32', sequences: 8, promptTokens: 512 },
  maxTokens: 100,
};
const plan = (change: Partial<PlannedGeneration> = {}, stored: 'f32' | 'bf16' = 'f32') =>
  planGeneration(plannedWeights(definition, stored), { ...GIVEN, ...change });

test('the cache has keys and values of 8 layers, 2 heads of 32, in float32, for 640 positions of each sequence', () => {
  const position = 2 * 8 * 2 * 32 * 4;
  expect(plan().cacheBytes).toBe(8 * 640 * position);
  expect(plan({ sequences: 1 }).cacheBytes).toBe(640 * position);
  expect(plan({ maxTokens: 128 }).cacheBytes).toBe(plan().cacheBytes);
});

test('more sequences and longer prompts take more, and the sum is of the parts', () => {
  const { totalBytes, ...parts } = plan();
  expect(totalBytes).toBe(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0));
  expect(plan({ sequences: 1 }).totalBytes).toBeLessThan(totalBytes);
  expect(plan({ promptTokens: 2048 }).activationBytes).toBeGreaterThan(parts.activationBytes);
});

test('weights that are stored narrower are copied for each of the two sessions', () => {
  const parameters = definition.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  expect(plan().copiedBytes).toBe(0);
  const { frozenBytes, copiedBytes } = plan({}, 'bf16');
  expect(frozenBytes).toBe(2 * parameters);
  expect(copiedBytes).toBeGreaterThan(2 * 4 * 0.9 * parameters);
  expect(copiedBytes).toBeLessThanOrEqual(2 * 4 * parameters);
});
