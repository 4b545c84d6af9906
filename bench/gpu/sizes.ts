/** Shapes of Llama models, as Hugging Face configures them. */

const shape = (
  [vocabulary, hidden, intermediate]: readonly [number, number, number],
  [layers, heads, keyValueHeads]: readonly [number, number, number],
  tied: boolean,
) => ({
  model_type: 'llama',
  vocab_size: vocabulary,
  hidden_size: hidden,
  intermediate_size: intermediate,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: keyValueHeads,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  initializer_range: 0.02,
  tie_word_embeddings: tied,
  rope_parameters: { rope_type: 'default', rope_theta: 500_000 },
});

export const SIZES = {
  /** To try things, and for parity. */
  small: shape([512, 128, 256], [3, 4, 2], false),
  '160m': shape([32_000, 768, 2048], [12, 12, 12], false),
  /** As Llama 3.2 1B, Llama 3.2 3B and Llama 3 8B. */
  '1b': shape([128_256, 2048, 8192], [16, 32, 8], true),
  '3b': shape([128_256, 3072, 8192], [28, 24, 8], true),
  '8b': shape([128_256, 4096, 14_336], [32, 32, 8], false),
} as const;
