import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PLAIN } from './built-in-templates.ts';

const SPECIAL = ['<s>', '</s>', '<pad>'] as const;

/** Vocabulary of the byte-level tokenizer: one token per byte, and the special ones. */
export const BYTE_VOCABULARY_SIZE = 256 + SPECIAL.length;

/**
 * Writes the files of a tokenizer whose tokens are bytes, with `plain` as its chat template: for tests, and for small
 * models made from nothing.
 */
export async function writeByteTokenizer(folder: string): Promise<void> {
  const vocabulary = Object.fromEntries([...SPECIAL, ...byteCharacters()].map((token, id) => [token, id]));
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabulary,
      merges: [],
    },
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<s>',
    eos_token: '</s>',
    pad_token: '<pad>',
    clean_up_tokenization_spaces: false,
    chat_template: PLAIN,
  };
  await writeFile(join(folder, 'tokenizer.json'), `${JSON.stringify(tokenizer, undefined, 1)}\n`);
  await writeFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, undefined, 2)}\n`);
}

/**
 * The printable character that stands for each byte in byte-level BPE vocabularies: printable Latin-1 characters for
 * themselves, the other bytes for the characters from U+0100 on.
 */
function byteCharacters(): string[] {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}
