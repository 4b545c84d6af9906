import { contentOf } from './added-tokens.ts';

type Json = Readonly<Record<string, unknown>>;

const STANDARD = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const;

/**
 * The special tokens that have names, which chat templates have as variables: the standard ones, others whose name ends
 * with `_token`, and those that `extra_special_tokens` names. Those that a model does not have are left out.
 */
export function namedTokens(config: Json): Record<string, string> {
  const { extra_special_tokens: extra } = config;
  const named = extra !== null && typeof extra === 'object' && !Array.isArray(extra) ? Object.entries(extra) : [];
  const others = Object.entries(config).filter(([key, value]) => key.endsWith('_token') && typeof value === 'string');
  const standard = STANDARD.map((key) => [key, config[key]] as const);
  const all = [...standard, ...others, ...named].map(([key, token]) => [key, contentOf(token)] as const);
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/**
 * tokenizer_config.json, and what special_tokens_map.json says: as in transformers, it goes before the configuration, and
 * is not read where the configuration has `added_tokens_decoder`.
 */
export function withSpecialTokensMap(config: Json, map: Json | undefined): Json {
  if (map === undefined || config.added_tokens_decoder !== undefined) return config;
  const { additional_special_tokens: extra, ...named } = map;
  return { ...config, ...(extra === undefined ? {} : { extra_special_tokens: extra }), ...named };
}
