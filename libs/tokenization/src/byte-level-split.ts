type Json = Readonly<Record<string, unknown>>;

/** GPT-2's pattern as tokenizer.json would have it: words, numbers and punctuation with the space before them. */
const GPT2_PATTERN = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/**
 * The pre-tokenizer of a tokenizer.json, with the split that `ByteLevel` implies made explicit. @huggingface/tokenizers
 * 0.2.0 applies its own copy of the pattern there, in which `\s` is JavaScript's: other than in Rust's, U+FEFF is white
 * space and U+0085 is not. For explicit patterns it follows Unicode, as Rust does.
 */
export function withExplicitSplit(preTokenizer: unknown): unknown {
  const { type, pretokenizers, use_regex, add_prefix_space } = (preTokenizer ?? {}) as Json;
  if (type === 'Sequence' && Array.isArray(pretokenizers)) {
    return { ...(preTokenizer as Json), pretokenizers: pretokenizers.map(withExplicitSplit) };
  }
  // A space before the text has to be put there before it is split.
  if (type !== 'ByteLevel' || use_regex === false || add_prefix_space === true) return preTokenizer;
  const split = { type: 'Split', pattern: { Regex: GPT2_PATTERN }, behavior: 'Isolated', invert: false };
  return { type: 'Sequence', pretokenizers: [split, { ...(preTokenizer as Json), use_regex: false }] };
}
