type Json = Readonly<Record<string, unknown>>;

/** GPT-2's pattern as tokenizer.json would have it: words, numbers and punctuation with the space before them. */
const GPT2_PATTERN = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/**
 * The pre-tokenizer of a tokenizer.json, written so that @huggingface/tokenizers 0.2.0 splits as Hugging Face's own
 * library does. For explicit patterns it follows Unicode; what its other pre-tokenizers do differently becomes a pattern:
 *
 * - `ByteLevel` applies its own copy of GPT-2's pattern, in which `\s` is JavaScript's: U+FEFF is white space and U+0085 is not.
 * - `Digits` and `Whitespace` know ASCII only.
 * - `Metaspace` does not split before each space.
 * - `Split` takes all behaviors but `Removed` for `Isolated`.
 *
 * Errors: an Error with the name of what cannot be written so.
 */
export function withExplicitSplits(preTokenizer: unknown): unknown {
  const json = (preTokenizer ?? {}) as Json;
  switch (json.type) {
    case 'Sequence':
      if (!Array.isArray(json.pretokenizers)) return json;
      return { ...json, pretokenizers: json.pretokenizers.map(withExplicitSplits) };
    case 'ByteLevel':
      return byteLevel(json);
    case 'Digits':
      return isolated(json.individual_digits === true ? String.raw`\p{N}` : String.raw`\p{N}+`);
    case 'Whitespace':
      return matches(String.raw`\w+|[^\w\s]+`);
    case 'Metaspace':
      return metaspace(json);
    case 'Split':
      return split(json);
    default:
      return preTokenizer;
  }
}

const isolated = (pattern: string) => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});
const matches = (pattern: string) => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Removed',
  invert: true,
});
const sequence = (...pretokenizers: unknown[]) => ({ type: 'Sequence', pretokenizers });

function byteLevel(json: Json): unknown {
  // A space before the text has to be put there before it is split.
  if (json.use_regex === false || json.add_prefix_space === true) return json;
  return sequence(isolated(GPT2_PATTERN), { ...json, use_regex: false });
}

function metaspace(json: Json): unknown {
  const space = escaped(typeof json.replacement === 'string' ? json.replacement : '▁');
  // Files from before `prepend_scheme` say the same with `add_prefix_space`.
  const scheme = json.prepend_scheme ?? (json.add_prefix_space === false ? 'never' : 'always');
  const spaced = { ...json, prepend_scheme: scheme };
  return json.split === false ? spaced : sequence(spaced, matches(`${space}[^${space}]*|[^${space}]+`));
}

function split(json: Json): unknown {
  const { behavior, invert, pattern } = json;
  if (behavior === 'Removed' || (behavior === 'Isolated' && invert !== true)) return json;
  const text = (pattern as { readonly String?: unknown } | undefined)?.String;
  if (invert === true || typeof text !== 'string') {
    throw new Error(`a Split with behavior ${behavior} and this pattern is not supported`);
  }
  const [mark, rest] = [escaped(text), `(?:(?!${escaped(text)})[\\s\\S])`];
  switch (behavior) {
    case 'MergedWithPrevious':
      return matches(`${rest}*${mark}|${rest}+`);
    case 'MergedWithNext':
      return matches(`${mark}${rest}*|${rest}+`);
    case 'Contiguous':
      return matches(`(?:${mark})+|${rest}+`);
    default:
      throw new Error(`a Split with behavior ${behavior} is not supported`);
  }
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
