import { AlphapoError } from '@alphapo/base';
import { modelFromConfig } from './registry.ts';

const llama = {
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 128,
};
const gpt2 = { model_type: 'gpt2', vocab_size: 100, n_embd: 32, n_head: 4, n_layer: 2, n_positions: 64 };

test.each<[string, string, object]>([
  ['num_hidden_layers', 'more layers than any machine holds', { ...llama, num_hidden_layers: 1e9 }],
  ['n_layer', 'more layers than any machine holds', { ...gpt2, n_layer: 1e9 }],
  ['hidden_size', 'a width beyond numbers', { ...llama, hidden_size: 1e300 }],
  ['hidden_size', 'a width beyond memory', { ...llama, hidden_size: 2 ** 40 }],
  ['n_embd', 'a width beyond memory', { ...gpt2, n_embd: 2 ** 40 }],
  ['head_dim', 'heads beyond memory', { ...llama, head_dim: 2 ** 50 }],
  ['vocab_size', 'a size that is minus zero', { ...llama, vocab_size: -0 }],
  ['(root)', 'more parameters than can be counted', { ...llama, vocab_size: 2 ** 53 - 1 }],
  ['rope_theta', 'a rotary base that is no number', { ...llama, rope_parameters: { rope_theta: 'NaN' } }],
  ['rope_theta', 'angles that are infinite', { ...llama, rope_scaling: { rope_type: 'linear', factor: 5e-324 } }],
])('%s: %s is rejected before anything is allocated', (field, _what, config) => {
  const refused = expect.objectContaining({ reason: 'MODEL_CONFIG', metadata: { field } });
  expect(() => modelFromConfig(config)).toThrow(AlphapoError);
  expect(() => modelFromConfig(config)).toThrow(refused);
});
