type Json = Readonly<Record<string, unknown>>;

/** What a tokenizer's files ask for that would give other ids than Hugging Face's own library, in words; undefined: nothing. */
export function unsupportedFeature(definition: Json, config: Json): string | undefined {
  const { model, normalizer } = definition as { readonly model?: Json | null; readonly normalizer?: unknown };
  if (config.split_special_tokens === true) return 'split_special_tokens is true, which is not supported';
  if (typeof model?.dropout === 'number' && model.dropout > 0)
    return `model.dropout is ${model.dropout}: ids would be random`;
  if (model?.type === 'BPE' && isText(model.continuing_subword_prefix)) {
    return `model.continuing_subword_prefix is "${model.continuing_subword_prefix}", which is not supported for BPE`;
  }
  if (typesOf(normalizer).includes('Precompiled')) return 'a normalizer of type Precompiled is not supported';
  return undefined;
}

const isText = (value: unknown) => typeof value === 'string' && value !== '';

function typesOf(normalizer: unknown): unknown[] {
  const { type, normalizers } = (normalizer ?? {}) as Json;
  return [type, ...(Array.isArray(normalizers) ? normalizers.flatMap(typesOf) : [])];
}
