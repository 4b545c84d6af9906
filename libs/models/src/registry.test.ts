import { AlphapoError } from '@alphapo/base';
import { modelFromConfig } from './registry.ts';

const llama = {
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
};
const gpt2 = { model_type: 'gpt2', vocab_size: 100, n_embd: 32, n_head: 4, n_layer: 2, n_positions: 64 };

test('a configuration gives parameters with the names and shapes of Hugging Face', () => {
  const model = modelFromConfig({ ...llama, tie_word_embeddings: true });
  const shapes = Object.fromEntries(model.parameters.map(({ name, shape }) => [name, shape]));
  expect(shapes['model.embed_tokens.weight']).toEqual([100, 32]);
  expect(shapes['model.layers.1.self_attn.k_proj.weight']).toEqual([16, 32]);
  expect(shapes['lm_head.weight']).toBeUndefined();
  expect(model.headWeight).toBe('model.embed_tokens.weight');
});

test('attention_bias adds the biases of the projections', () => {
  const names = modelFromConfig({ ...llama, attention_bias: true }).parameters.map(({ name }) => name);
  expect(names).toContain('model.layers.0.self_attn.q_proj.bias');
  expect(names).not.toContain('model.layers.0.mlp.up_proj.bias');
});

test('both spellings of rotary options mean the same', () => {
  const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
  const old = { ...llama, rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...scaling } };
  const current = { ...llama, rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...scaling } };
  expect(modelFromConfig(old).rotary).toEqual(modelFromConfig(current).rotary);
});

test.each<[string, string, object]>([
  ['model_type', 'an architecture that is not there', { ...llama, model_type: 'mamba' }],
  ['model_type', 'no architecture', { vocab_size: 3 }],
  ['hidden_act', 'another activation', { ...llama, hidden_act: 'relu' }],
  ['rope_type', 'an unknown rotary scaling', { ...llama, rope_scaling: { rope_type: 'yarn', factor: 4 } }],
  ['num_key_value_heads', 'heads that do not divide', { ...llama, num_key_value_heads: 3 }],
  ['num_attention_heads', 'an odd head size', { ...llama, num_attention_heads: 5 }],
  ['hidden_size', 'a missing size', { ...llama, hidden_size: undefined }],
  ['vocab_size', 'a size that is no number', { ...llama, vocab_size: 'many' }],
  [
    'scale_attn_by_inverse_layer_idx',
    'an option that is not computed',
    { ...gpt2, scale_attn_by_inverse_layer_idx: true },
  ],
  ['num_hidden_layers', 'more layers than any machine holds', { ...llama, num_hidden_layers: 1e9 }],
  ['n_layer', 'more layers than any machine holds', { ...gpt2, n_layer: 1e9 }],
  ['hidden_size', 'a width beyond numbers', { ...llama, hidden_size: 1e300 }],
  ['hidden_size', 'a width beyond memory', { ...llama, hidden_size: 2 ** 40 }],
  ['head_dim', 'heads beyond memory', { ...llama, head_dim: 2 ** 50 }],
  ['vocab_size', 'a size that is minus zero', { ...llama, vocab_size: -0 }],
  ['parameters', 'more parameters than can be counted', { ...llama, vocab_size: 2 ** 53 - 1 }],
  ['rope_theta', 'a rotary base that is no number', { ...llama, rope_parameters: { rope_theta: 'NaN' } }],
  ['rope_theta', 'angles that are infinite', { ...llama, rope_scaling: { rope_type: 'linear', factor: 5e-324 } }],
])('%s: %s is refused by name', (field, _what, config) => {
  const caught = (() => {
    try {
      modelFromConfig(config);
      return undefined;
    } catch (error) {
      return error as AlphapoError;
    }
  })();
  expect(caught).toBeInstanceOf(AlphapoError);
  expect(caught?.reason).toBe('MODEL_CONFIG');
  expect(caught?.message).toContain(field);
});
