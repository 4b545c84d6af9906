import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { AlphapoError, messageOf, sha256 } from '@alphapo/base';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { addedTokensOf, isDeclared, type TokenFiles } from './added-tokens.ts';
import type { ChatTemplate, ChatTemplateChoice } from './chat-template.ts';
import { chooseChatTemplate } from './choose-template.ts';
import { idsOnlyTokenizer } from './ids-only-tokenizer.ts';
import { withExplicitSplits } from './pre-tokenizer.ts';
import { namedTokens, withSpecialTokensMap } from './special-tokens.ts';
import { TokenEncoder } from './token-encoder.ts';
import { wrongTokenId } from './token-ids.ts';
import { unsupportedFeature } from './unsupported.ts';

/** The special tokens that matter to training; undefined where a tokenizer has none. */
interface SpecialTokens {
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  readonly pad: number | undefined;
}

/** What there is to know of a tokenizer, apart from what it does. */
export interface TokenizerDescription {
  /** `ids`: the folder has no tokenizer.json, so that text is refused. */
  readonly takes: 'text-and-ids' | 'ids';
  /** Ids below this exist. */
  readonly vocabularySize: number;
  /** Ids below this have a row in the model's embedding, by its config.json; undefined: the folder has none. */
  readonly modelVocabularySize: number | undefined;
  readonly special: SpecialTokens;
  /** Of the files that decide on token ids: tokenizer.json, tokenizer_config.json, special_tokens_map.json; added_tokens.json where it adds any. */
  readonly digest: string;
  readonly chatTemplate: Pick<ChatTemplate, 'source' | 'place' | 'digest'>;
}

/** A model's tokenizer with its chat template. */
export interface Tokenizer extends TokenizerDescription {
  readonly chatTemplate: ChatTemplate;
  encode(text: string, options: { readonly addSpecialTokens: boolean }): number[];
  decode(ids: readonly number[], options: { readonly skipSpecialTokens: boolean }): string;
}

export interface TokenizerOptions {
  /** In place of the model's own. */
  readonly chatTemplate?: ChatTemplateChoice | undefined;
}

export function describeTokenizer(tokenizer: Tokenizer): TokenizerDescription {
  const { takes, vocabularySize, modelVocabularySize, special, digest } = tokenizer;
  const { source, place, digest: templateDigest } = tokenizer.chatTemplate;
  return {
    takes,
    vocabularySize,
    modelVocabularySize,
    special,
    digest,
    chatTemplate: { source, place, digest: templateDigest },
  };
}

type Json = Record<string, unknown>;

/**
 * Opens the tokenizer of a Hugging Face model folder: tokenizer.json, and tokenizer_config.json, special_tokens_map.json,
 * added_tokens.json, config.json and the files of chat templates where they are there. Where config.json is all there is, and no chat
 * template is asked for, the tokenizer takes token ids only.
 *
 * Errors: TOKENIZER_NOT_FOUND and TOKENIZER_INVALID with the file; those of `chooseChatTemplate`.
 */
export async function openTokenizer(folder: string, options: TokenizerOptions = {}): Promise<Tokenizer> {
  const file = join(folder, 'tokenizer.json');
  const text = await readText(file);
  if (text === undefined) {
    const size = await modelVocabularySize(folder);
    if (size === undefined || options.chatTemplate !== undefined) throw notFound(file, options.chatTemplate);
    return idsOnlyTokenizer(size);
  }
  const definition = parseJson(text, file);
  const wrongId = wrongTokenId(definition);
  if (wrongId !== undefined) throw invalid(file, wrongId, undefined);
  const beside = await readBeside(folder);
  const config = withSpecialTokensMap(beside.config.json ?? {}, beside.map.json);
  const named = namedTokens(config);
  const added = addedTokensOf({ definition, config, addedTokens: beside.added.json, named });
  const addedOtherwise = addedTokensOf({ definition, config, addedTokens: undefined, named });
  const problem = wrongTokenId({ ...definition, added_tokens: added }) ?? unsupportedFeature(definition, config);
  if (problem !== undefined) throw invalid(file, problem, undefined);
  const chatTemplate = await chooseChatTemplate(options.chatTemplate, { folder, config: config.chat_template, named });
  // Most say nothing that the other files do not: runs that began before this file was read go on.
  const decidingAdded = isDeepStrictEqual(added, addedOtherwise) ? [] : digested(beside.added);
  try {
    const corrected = {
      ...definition,
      added_tokens: added,
      pre_tokenizer: withExplicitSplits(definition.pre_tokenizer),
    };
    // As in Rust: text comes back as it was, unless the model's files ask for less white space.
    const parts = new HuggingFaceTokenizer(corrected, { clean_up_tokenization_spaces: false, ...config });
    checkSpecialTokens({ definition, config, addedTokens: beside.added.json, named });
    return new OpenTokenizer(parts, new TokenEncoder(parts, added), named, {
      digest: sha256(text, '\0', beside.config.text ?? '{}', ...digested(beside.map), ...decidingAdded),
      chatTemplate,
      modelVocabularySize: await modelVocabularySize(folder),
    });
  } catch (error) {
    if (error instanceof AlphapoError) throw error;
    throw invalid(file, messageOf(error), error);
  }
}

/** transformers would add them with an id that the model has no embedding for: no response would ever end. */
function checkSpecialTokens(files: TokenFiles): void {
  for (const key of ['bos_token', 'eos_token', 'pad_token']) {
    const token = files.named[key];
    if (token === undefined || isDeclared(files, token)) continue;
    throw invalid('tokenizer_config.json', `${key} is "${token}", which is not in the vocabulary`, undefined);
  }
}

interface JsonFile {
  readonly text: string | undefined;
  readonly json: Json | undefined;
}

async function readBeside(folder: string): Promise<Record<'config' | 'map' | 'added', JsonFile>> {
  const [config, map, added] = await Promise.all(
    ['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'].map(async (name) => {
      const text = await readText(join(folder, name));
      return { text, json: text === undefined ? undefined : parseJson(text, join(folder, name)) };
    }),
  );
  return { config, map, added } as Record<'config' | 'map' | 'added', JsonFile>;
}

const digested = ({ text }: JsonFile) => (text === undefined ? [] : ['\0', text]);

/** Rows of the embedding, as config.json has them. */
async function modelVocabularySize(folder: string): Promise<number | undefined> {
  const text = await readText(join(folder, 'config.json'));
  if (text === undefined) return undefined;
  const config = parseJson(text, join(folder, 'config.json'));
  const size = config.vocab_size ?? (config.text_config as Json | null | undefined)?.vocab_size;
  return Number.isInteger(size) ? (size as number) : undefined;
}

interface Parts {
  readonly digest: string;
  readonly chatTemplate: ChatTemplate;
  readonly modelVocabularySize: number | undefined;
}

class OpenTokenizer implements Tokenizer {
  readonly takes = 'text-and-ids';
  readonly vocabularySize: number;
  readonly modelVocabularySize: number | undefined;
  readonly special: SpecialTokens;
  readonly digest: string;
  readonly chatTemplate: ChatTemplate;
  readonly #tokenizer: HuggingFaceTokenizer;
  readonly #encoder: TokenEncoder;

  constructor(tokenizer: HuggingFaceTokenizer, encoder: TokenEncoder, named: Record<string, string>, parts: Parts) {
    this.#tokenizer = tokenizer;
    this.#encoder = encoder;
    this.digest = parts.digest;
    this.chatTemplate = parts.chatTemplate;
    this.modelVocabularySize = parts.modelVocabularySize;
    const ids = [...tokenizer.get_vocab(true).values()];
    this.vocabularySize = ids.reduce((most, id) => Math.max(most, id), -1) + 1;
    const idOf = (key: string) => (named[key] === undefined ? undefined : tokenizer.token_to_id(named[key]));
    this.special = { bos: idOf('bos_token'), eos: idOf('eos_token'), pad: idOf('pad_token') };
  }

  encode(text: string, { addSpecialTokens }: { readonly addSpecialTokens: boolean }): number[] {
    return this.#encoder.encode(text, addSpecialTokens);
  }

  decode(ids: readonly number[], { skipSpecialTokens }: { readonly skipSpecialTokens: boolean }): string {
    // The library refuses an empty list.
    if (ids.length === 0) return '';
    return this.#tokenizer.decode([...ids], { skip_special_tokens: skipSpecialTokens });
  }
}

/** The largest tokenizers have some ten megabytes; a pipe or a device would never end. */
const MAX_FILE_BYTES = 2 ** 28;

async function readText(file: string): Promise<string | undefined> {
  try {
    const status = await stat(file);
    if (!status.isFile()) throw invalid(file, 'is not a regular file', undefined);
    if (status.size > MAX_FILE_BYTES) throw invalid(file, `has more than ${MAX_FILE_BYTES} bytes`, undefined);
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof AlphapoError) throw error;
    throw invalid(file, messageOf(error), error);
  }
}

function parseJson(text: string, file: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Json;
  } catch (error) {
    throw invalid(file, messageOf(error), error);
  }
  throw invalid(file, 'is not a JSON object', undefined);
}

function notFound(file: string, template: ChatTemplateChoice | undefined): AlphapoError {
  const purpose = template === undefined ? '' : `, which the chat template "${template}" needs`;
  return new AlphapoError(
    'not-found',
    'TOKENIZER_NOT_FOUND',
    `${file} is missing${purpose}; use a model folder with tokenizer.json`,
  );
}

function invalid(file: string, problem: string, cause: unknown): AlphapoError {
  return new AlphapoError('failed-precondition', 'TOKENIZER_INVALID', `${file}: ${problem}`, { cause });
}
