import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, messageOf, sha256 } from '@alphapo/base';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { withExplicitSplit } from './byte-level-split.ts';
import {
  type ChatTemplate,
  type ChatTemplateChoice,
  type ChatTemplateSource,
  chooseChatTemplate,
} from './chat-template.ts';
import { wrongTokenId } from './token-ids.ts';

/** The special tokens that matter to training; undefined where a tokenizer has none. */
interface SpecialTokens {
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  readonly pad: number | undefined;
}

/** What there is to know of a tokenizer, apart from what it does. */
export interface TokenizerDescription {
  /** Ids below this exist. */
  readonly vocabularySize: number;
  readonly special: SpecialTokens;
  /** Of the files that decide on token ids: tokenizer.json, tokenizer_config.json, special_tokens_map.json. */
  readonly digest: string;
  readonly chatTemplate: { readonly source: ChatTemplateSource; readonly digest: string };
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

export function describeTokenizer({ vocabularySize, special, digest, chatTemplate }: Tokenizer): TokenizerDescription {
  const { source, digest: templateDigest } = chatTemplate;
  return { vocabularySize, special, digest, chatTemplate: { source, digest: templateDigest } };
}

type Json = Record<string, unknown>;

/**
 * Opens the tokenizer of a Hugging Face model folder: tokenizer.json, and tokenizer_config.json, special_tokens_map.json
 * and chat_template.jinja where they are there.
 *
 * Errors: TOKENIZER_NOT_FOUND and TOKENIZER_INVALID with the file; those of `chooseChatTemplate`.
 */
export async function openTokenizer(folder: string, options: TokenizerOptions = {}): Promise<Tokenizer> {
  const file = join(folder, 'tokenizer.json');
  const text = await readText(file);
  if (text === undefined) {
    throw new AlphapoError(
      'not-found',
      'TOKENIZER_NOT_FOUND',
      `${file} is missing: give the folder of a model that has its tokenizer as tokenizer.json`,
    );
  }
  const definition = parseJson(text, file);
  const problem = wrongTokenId(definition);
  if (problem !== undefined) throw invalid(file, problem, undefined);
  const [configFile, mapFile] = [join(folder, 'tokenizer_config.json'), join(folder, 'special_tokens_map.json')];
  const [configText = '{}', mapText] = [await readText(configFile), await readText(mapFile)];
  const config: Json = {
    // As in Rust: text comes back as it was, unless the model's files ask for less white space.
    clean_up_tokenization_spaces: false,
    ...parseJson(mapText ?? '{}', mapFile),
    ...parseJson(configText, configFile),
  };
  const chatTemplate = await chooseChatTemplate(options.chatTemplate, {
    folder,
    file: await readText(join(folder, 'chat_template.jinja')),
    config: config.chat_template,
    specialTokens: { bos_token: tokenText(config.bos_token), eos_token: tokenText(config.eos_token) },
  });
  try {
    const corrected = { ...definition, pre_tokenizer: withExplicitSplit(definition.pre_tokenizer) };
    return new OpenTokenizer(new HuggingFaceTokenizer(corrected, config), config, {
      digest: sha256(text, '\0', configText, ...(mapText === undefined ? [] : ['\0', mapText])),
      chatTemplate,
    });
  } catch (error) {
    if (error instanceof AlphapoError) throw error;
    throw invalid(file, messageOf(error), error);
  }
}

class OpenTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly special: SpecialTokens;
  readonly digest: string;
  readonly chatTemplate: ChatTemplate;
  readonly #tokenizer: HuggingFaceTokenizer;

  constructor(tokenizer: HuggingFaceTokenizer, config: Json, parts: { digest: string; chatTemplate: ChatTemplate }) {
    this.#tokenizer = tokenizer;
    this.digest = parts.digest;
    this.chatTemplate = parts.chatTemplate;
    const ids = [...tokenizer.get_vocab(true).values()];
    this.vocabularySize = ids.reduce((most, id) => Math.max(most, id), -1) + 1;
    const idOf = (key: string) => {
      const name = tokenText(config[key]);
      const id = name === undefined ? undefined : tokenizer.token_to_id(name);
      if (name === undefined || id !== undefined) return id;
      throw invalid('tokenizer_config.json', `${key} is "${name}", which is not in the vocabulary`, undefined);
    };
    this.special = { bos: idOf('bos_token'), eos: idOf('eos_token'), pad: idOf('pad_token') };
  }

  encode(text: string, { addSpecialTokens }: { readonly addSpecialTokens: boolean }): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids;
  }

  decode(ids: readonly number[], { skipSpecialTokens }: { readonly skipSpecialTokens: boolean }): string {
    // The library refuses an empty list.
    if (ids.length === 0) return '';
    return this.#tokenizer.decode([...ids], { skip_special_tokens: skipSpecialTokens });
  }
}

/** A special token is given as text, or as an object with the text as its `content`. */
function tokenText(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  const content = (token as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
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
  throw invalid(file, 'is no JSON object', undefined);
}

function invalid(file: string, problem: string, cause: unknown): AlphapoError {
  return new AlphapoError('failed-precondition', 'TOKENIZER_INVALID', `${file}: ${problem}`, { cause });
}
