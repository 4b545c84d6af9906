import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeByteTokenizer } from '@alphapo/tokenization/testing';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Changes of a byte tokenizer's files, each with one feature of tokenizers that implementations treat differently. */

interface Variant {
  readonly definition?: object;
  readonly config?: object;
  readonly files?: Readonly<Record<string, object>>;
}

const token = (content: string, flags: object = {}) => ({
  ...{ content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: false },
  ...flags,
});

const BYTES = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
const splitBy = (...pretokenizers: object[]) => ({
  definition: { pre_tokenizer: { type: 'Sequence', pretokenizers: [...pretokenizers, BYTES] } },
});
const split = (pattern: object, behavior: string, invert = false) =>
  splitBy({ type: 'Split', pattern, behavior, invert });

const VARIANTS: Readonly<Record<string, Variant>> = {
  plain: {},
  'added_tokens_decoder with new tokens': {
    config: {
      added_tokens_decoder: { 300: token('<y>'), 290: token('<x>', { special: true }), 310: token('<|im_start|>') },
    },
  },
  'added_tokens.json': { files: { 'added_tokens.json': { '<x>': 260, '<y>': 259 } } },
  'special_tokens_map.json': { files: { 'special_tokens_map.json': { sep_token: 'x', eos_token: '<pad>' } } },
  'special tokens of the vocabulary': { config: { sep_token: 'x', additional_special_tokens: ['y', 'z'] } },
  single_word: {
    config: {
      added_tokens_decoder: { 259: token('x', { single_word: true }), 260: token('ok', { single_word: true }) },
    },
  },
  lstrip: {
    config: {
      added_tokens_decoder: { 259: token('<x>', { lstrip: true }), 1: token('</s>', { lstrip: true, special: true }) },
    },
  },
  rstrip: {
    config: {
      added_tokens_decoder: { 259: token('<x>', { rstrip: true }), 0: token('<s>', { rstrip: true, special: true }) },
    },
  },
  normalized: {
    definition: { normalizer: { type: 'Lowercase' } },
    config: { added_tokens_decoder: { 259: token('Hello', { normalized: true }), 260: token('WORLD') } },
  },
  'normalized with white space': {
    definition: { normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '_' } },
    config: { added_tokens_decoder: { 259: token('a b', { normalized: true }) } },
  },
  'overlapping tokens': {
    config: { added_tokens_decoder: { 259: token('<x'), 260: token('<x>'), 261: token('x>y'), 262: token('  ') } },
  },
  'single digits': splitBy({ type: 'Digits', individual_digits: true }),
  digits: splitBy({ type: 'Digits', individual_digits: false }),
  words: splitBy({ type: 'Whitespace' }),
  'pieces before spaces': split({ String: ' ' }, 'MergedWithPrevious'),
  'pieces behind spaces': split({ String: ' ' }, 'MergedWithNext'),
  'runs of spaces': split({ String: ' ' }, 'Contiguous'),
  'without spaces': split({ Regex: String.raw`\s+` }, 'Removed'),
  'words only': split({ Regex: String.raw`\w+` }, 'Removed', true),
  metaspace: {
    definition: {
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true }, BYTES],
      },
    },
  },
  'metaspace always': {
    definition: {
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: false }, BYTES],
      },
    },
  },
  'a space before': { definition: { normalizer: { type: 'Prepend', prepend: '▁' } } },
  'composed characters': { definition: { normalizer: { type: 'NFKC' } } },
  'an end that is added': {
    definition: {
      post_processor: {
        type: 'TemplateProcessing',
        single: [
          { SpecialToken: { id: '<s>', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '</s>', type_id: 0 } },
        ],
        pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
        special_tokens: {
          '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] },
          '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] },
        },
      },
    },
  },
  'add_bos_token and add_eos_token': { config: { add_bos_token: false, add_eos_token: true } },
};

/** The folders of all variants by name. Merges of some pairs of bytes make it visible where a text is split. */
export async function tokenizerVariants(): Promise<Record<string, string>> {
  const folders: Record<string, string> = {};
  for (const [name, variant] of Object.entries(VARIANTS)) folders[name] = await written(variant);
  return folders;
}

async function written({ definition, config, files = {} }: Variant): Promise<string> {
  const folder = await temporaryFolder();
  await writeByteTokenizer(folder);
  await change(join(folder, 'tokenizer.json'), (json) => ({ ...withMerges(json), ...definition }));
  await change(join(folder, 'tokenizer_config.json'), (json) => ({ ...json, ...config }));
  for (const [file, json] of Object.entries(files)) await writeFile(join(folder, file), JSON.stringify(json));
  return folder;
}

type Json = Record<string, unknown>;

async function change(file: string, edit: (json: Json) => Json): Promise<void> {
  await writeFile(file, JSON.stringify(edit(JSON.parse(await readFile(file, 'utf8')))));
}

/** Space is Ġ in the vocabulary, and ▁ is three bytes. */
const MERGES = ['Ġ Ġ', 'a Ġ', 'Ġ a', '1 2', '12 3', 'x y', '_ a'];

function withMerges(json: Json): Json {
  const model = json.model as Json & { vocab: Record<string, number> };
  // The new tokens take the ids of bytes that no text of UTF-8 has, so that added tokens begin where they did.
  const unused = ['ü', 'ý', 'þ', 'ÿ', 'ø', 'ù', 'ú'];
  const vocab = Object.fromEntries(
    Object.entries(model.vocab).map(([text, id]) => {
      const at = unused.indexOf(text);
      return [at < 0 ? text : (MERGES[at] as string).replace(' ', ''), id];
    }),
  );
  return { ...json, model: { ...model, vocab, merges: MERGES } };
}
