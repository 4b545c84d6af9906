import { AlphapoError } from '@alphapo/base';
import { defaultLoraTargets } from './lora.ts';
import { publishedModels } from './published.fixture.ts';
import { modelFromConfig } from './registry.ts';

/** A published configuration of each architecture, with a vocabulary that tests can read. */
const configs = {
  llama: { ...publishedModels['meta-llama/Meta-Llama-3-8B-Instruct'].config, vocab_size: 100 },
  mistral: { ...publishedModels['mistralai/Mistral-7B-Instruct-v0.2'].config, vocab_size: 100 },
  qwen2: { ...publishedModels['Qwen/Qwen2-0.5B-Instruct'].config, vocab_size: 100 },
  qwen3: { ...publishedModels['Qwen/Qwen3-0.6B'].config, vocab_size: 100 },
  gemma2: { ...publishedModels['google/gemma-2-9b-it'].config, vocab_size: 100 },
  phi3: { ...publishedModels['microsoft/Phi-3-mini-4k-instruct'].config, vocab_size: 100 },
  gpt2: { ...publishedModels['openai-community/gpt2'].config, vocab_size: 100 },
};
type Architecture = keyof typeof configs;

const shapesOf = (config: object) =>
  Object.fromEntries(modelFromConfig(config).parameters.map(({ name, shape }) => [name, shape]));

test.each<[Architecture, Record<string, readonly number[]>]>([
  ['llama', { 'model.layers.31.self_attn.k_proj.weight': [1024, 4096], 'lm_head.weight': [100, 4096] }],
  ['mistral', { 'model.layers.0.mlp.down_proj.weight': [4096, 14_336], 'model.norm.weight': [4096] }],
  ['qwen2', { 'model.layers.23.self_attn.v_proj.bias': [128], 'model.layers.0.self_attn.q_proj.bias': [896] }],
  ['qwen3', { 'model.layers.0.self_attn.q_norm.weight': [128], 'model.layers.0.self_attn.k_norm.weight': [128] }],
  ['gemma2', { 'model.layers.41.pre_feedforward_layernorm.weight': [3584] }],
  ['phi3', { 'model.layers.0.self_attn.qkv_proj.weight': [9216, 3072] }],
  ['gpt2', { 'transformer.h.11.attn.c_attn.weight': [768, 2304] }],
])('%s has parameters with the names and shapes of Hugging Face', (architecture, expected) => {
  expect(shapesOf(configs[architecture])).toMatchObject(expected);
});

test.each<[Architecture, string]>([
  ['qwen2', 'model.layers.0.self_attn.o_proj.bias'],
  ['qwen3', 'model.layers.0.self_attn.q_proj.bias'],
  ['llama', 'model.layers.0.self_attn.q_proj.bias'],
])('%s has no %s', (architecture, name) => {
  expect(Object.keys(shapesOf(configs[architecture]))).not.toContain(name);
});

test.each<Architecture>(['llama', 'qwen3', 'gemma2'])('attention_bias adds the biases of projections to %s', (name) => {
  const names = Object.keys(shapesOf({ ...configs[name], attention_bias: true }));
  for (const projection of ['q_proj', 'k_proj', 'v_proj', 'o_proj']) {
    expect(names).toContain(`model.layers.0.self_attn.${projection}.bias`);
  }
  expect(names).not.toContain('model.layers.0.mlp.up_proj.bias');
});

test.each(Object.entries(configs))('the head of %s is tied or not, as it says', (_name, config) => {
  const tied = modelFromConfig({ ...config, tie_word_embeddings: true });
  expect(tied.headWeight).toMatch(/embed_tokens|wte/);
  expect(tied.parameters.map(({ name }) => name)).not.toContain('lm_head.weight');
  const untied = modelFromConfig({ ...config, tie_word_embeddings: false });
  expect(untied.headWeight).toBe('lm_head.weight');
  expect(untied.parameters.map(({ name }) => name)).toContain('lm_head.weight');
});

test.each<[Architecture, string[]]>([
  ['gemma2', ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']],
  ['phi3', ['qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj']],
])('the layers of %s that LoRA can adapt have the names of PEFT', (architecture, targets) => {
  expect(defaultLoraTargets(modelFromConfig(configs[architecture]))).toEqual(targets);
});

test('a field that is off or changes nothing is no obstacle', () => {
  const harmless = { attention_multiplier: null, use_mrope: false, _name_or_path: 'x', unsloth_version: '2025.1' };
  for (const config of Object.values(configs)) {
    expect(modelFromConfig({ ...config, ...harmless, pad_token_id: 3, attention_dropout: 0.1 })).toBeDefined();
  }
});

test('Phi-4-mini, which rotates three quarters of each head by LongRoPE, is accepted', () => {
  const factors = Array(48).fill(1.5);
  const model = modelFromConfig({
    ...configs.phi3,
    num_attention_heads: 24,
    num_key_value_heads: 8,
    max_position_embeddings: 131_072,
    partial_rotary_factor: 0.75,
    rope_scaling: { type: 'longrope', short_factor: factors, long_factor: factors },
    full_attn_mod: 1,
    interpolate_factor: 1,
  });
  expect(model.rotary?.inverseFrequencies).toHaveLength(48);
  expect(model.rotary?.long?.above).toBe(4096);
});

function refusal(config: object): AlphapoError | undefined {
  try {
    modelFromConfig(config);
    return undefined;
  } catch (error) {
    return error as AlphapoError;
  }
}

function expectRefused(config: object, field: string): void {
  const error = refusal(config);
  expect(error).toBeInstanceOf(AlphapoError);
  expect(error?.reason).toBe('MODEL_CONFIG');
  expect(error?.metadata.field).toBe(field);
  expect(error?.message).toContain(`config.json: ${field}: `);
}

const everywhere: readonly [field: string, change: object][] = [
  ['attention_multiplier', { attention_multiplier: 0.0156 }],
  ['quantization_config', { quantization_config: { quant_method: 'gptq', bits: 4 } }],
  ['num_local_experts', { num_local_experts: 8 }],
  ['is_encoder_decoder', { is_encoder_decoder: true }],
  ['vocab_size', { vocab_size: undefined }],
  ['vocab_size', { vocab_size: 'many' }],
];
test.each(
  Object.keys(configs).flatMap((name) =>
    everywhere.map(([field, change]) => [name as Architecture, field, change] as const),
  ),
)('%s with another %s is refused by name', (architecture, field, change) => {
  expectRefused({ ...configs[architecture], ...change }, field);
});

const ofRotating: readonly [field: string, change: object][] = [
  ['rope_type', { rope_scaling: { rope_type: 'yarn', factor: 4 } }],
  ['rope_type', { rope_scaling: { type: 'dynamic', factor: 4 } }],
  ['rope_scaling.factor', { rope_scaling: { factor: 4 } }],
  ['rope_scaling.mrope_section', { rope_scaling: { type: 'default', mrope_section: [16, 24, 24] } }],
  ['rope_parameters.full_attention', { rope_parameters: { full_attention: { rope_theta: 1e6 } }, rope_scaling: null }],
  ['rope_scaling', { rope_parameters: { rope_theta: 1e6 }, rope_scaling: { type: 'linear', factor: 2 } }],
  ['rope_theta', { rope_theta: 'large' }],
  ['low_freq_factor', { rope_scaling: { rope_type: 'llama3', factor: 8, original_max_position_embeddings: 64 } }],
  ['num_key_value_heads', { num_attention_heads: 6, num_key_value_heads: 4, head_dim: 8 }],
  ['head_dim', { head_dim: 7 }],
  ['head_dim', { head_dim: 'wide' }],
];
test.each(
  (['llama', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'phi3'] as const).flatMap((name) =>
    ofRotating.map(([field, change]) => [name, field, change] as const),
  ),
)('%s with another %s is refused by name: %j', (architecture, field, change) => {
  expectRefused({ ...configs[architecture], ...change }, field);
});

test.each<[Architecture, string, object]>([
  ['llama', 'hidden_act', { hidden_act: 'relu' }],
  ['llama', 'num_attention_heads', { num_attention_heads: 5, num_key_value_heads: 5 }],
  ['llama', 'partial_rotary_factor', { partial_rotary_factor: 0.5 }],
  ['llama', 'sliding_window', { sliding_window: 4096 }],
  ['mistral', 'attention_bias', { attention_bias: true }],
  ['mistral', 'layer_types', { layer_types: ['full_attention'] }],
  ['mistral', 'partial_rotary_factor', { rope_parameters: { partial_rotary_factor: 0.5 } }],
  ['mistral', 'use_sliding_window', { use_sliding_window: true }],
  ['qwen2', 'attention_bias', { attention_bias: true }],
  ['qwen2', 'hidden_act', { hidden_act: 'gelu' }],
  ['qwen2', 'layer_types', { layer_types: ['full_attention'] }],
  ['qwen2', 'layer_types', { layer_types: Array(24).fill('chunked_attention') }],
  ['qwen2', 'sliding_window', { layer_types: Array(24).fill('sliding_attention') }],
  ['qwen2', 'use_mrope', { use_mrope: true }],
  ['qwen3', 'max_window_layers', { max_window_layers: -1 }],
  ['qwen3', 'use_qk_norm', { use_qk_norm: true }],
  ['gemma2', 'attn_logit_softcapping', { attn_logit_softcapping: -1 }],
  ['gemma2', 'hidden_activation', { hidden_activation: 'gelu' }],
  ['gemma2', 'hidden_act', { hidden_act: 'gelu' }],
  ['gemma2', 'sliding_window_size', { sliding_window_size: 1024 }],
  ['gemma2', 'sliding_window', { sliding_window: null, sliding_window_size: undefined }],
  ['gemma2', 'use_bidirectional_attention', { use_bidirectional_attention: true }],
  ['phi3', 'partial_rotary_factor', { partial_rotary_factor: 0.01 }],
  ['phi3', 'short_factor', { rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1] } }],
  ['phi3', 'rope_scaling.short_mscale', { rope_scaling: { type: 'su', short_mscale: 1.2 } }],
  ['phi3', 'full_attn_mod', { full_attn_mod: 2 }],
  ['phi3', 'dummy_token_indices', { dummy_token_indices: [1] }],
  ['gpt2', 'activation_function', { activation_function: 'relu' }],
  ['gpt2', 'scale_attn_by_inverse_layer_idx', { scale_attn_by_inverse_layer_idx: true }],
  ['gpt2', 'add_cross_attention', { add_cross_attention: true }],
  ['gpt2', 'n_head', { n_head: 7 }],
])('%s with another %s is refused by name (%j)', (architecture, field, change) => {
  expectRefused({ ...configs[architecture], ...change }, field);
});

test.each([
  ['an architecture that is not there', { ...configs.llama, model_type: 'mamba' }],
  ['a name that objects have', { ...configs.llama, model_type: 'constructor' }],
  ['no architecture', { vocab_size: 3 }],
])('%s is refused', (_what, config) => {
  expectRefused(config, 'model_type');
});
