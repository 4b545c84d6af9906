import { defaultLoraTargets, freshLora, loraFactors } from './lora.ts';
import { modelFromConfig } from './registry.ts';

const model = modelFromConfig({
  model_type: 'gpt2',
  vocab_size: 100,
  n_embd: 32,
  n_head: 4,
  n_layer: 2,
  n_positions: 64,
});

test('a target matches modules by their last parts, as in PEFT', () => {
  const names = (targets: string[]) => loraFactors(model, { rank: 4, targets }).map(({ layer }) => layer.name);
  expect(names(['attn.c_proj'])).toEqual(['transformer.h.0.attn.c_proj', 'transformer.h.1.attn.c_proj']);
  expect(names(['c_proj'])).toHaveLength(4);
  expect(names(['transformer.h.1.mlp.c_fc'])).toEqual(['transformer.h.1.mlp.c_fc']);
});

test('a target that matches nothing is refused, and the layers that there are get named', () => {
  expect(() => loraFactors(model, { rank: 4, targets: ['q_proj'] })).toThrow(/"q_proj".*c_attn, c_proj, c_fc/);
});

test('fresh factors change nothing: B is zero, and A is within its bound', () => {
  const targets = defaultLoraTargets(model);
  const tensors = freshLora(model, { rank: 4, targets }, 7);
  for (const [name, { data }] of tensors) {
    if (name.includes('lora_B')) expect(data.every((x) => x === 0)).toBe(true);
    else expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(32) + 1e-7);
  }
  expect(freshLora(model, { rank: 4, targets }, 7)).toEqual(tensors);
});
