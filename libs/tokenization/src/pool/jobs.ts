import {
  type Message,
  type Preference,
  parsePreference,
  type RecordFacts,
  type RecordOptions,
  type RecordReason,
  type Rejection,
} from '@alphapo/data/records';
import {
  type TokenizeOptions,
  type TokenizeResult,
  type TokenReason,
  tokenizePreference,
  tokenizeResponse,
} from '../tokenize-preference.ts';
import type { Tokenizer } from '../tokenizer.ts';

/** The jobs of a tokenizer process. A job is a list of items of one kind, with common options. */
export interface Jobs {
  /** The bytes of a record of `preferences`. */
  records: {
    item: Uint8Array;
    options: TokenizeOptions & RecordOptions;
    result: TokenizedRecord;
  };
  preferences: { item: Preference; options: TokenizeOptions; result: TokenizeResult };
  responses: { item: PromptWithResponse; options: TokenizeOptions; result: ReturnType<typeof tokenizeResponse> };
  texts: { item: string; options: { readonly addSpecialTokens: boolean }; result: number[] };
  encodings: { item: readonly number[]; options: { readonly skipSpecialTokens: boolean }; result: string };
  conversations: {
    item: readonly Message[];
    options: { readonly addGenerationPrompt: boolean };
    result: { readonly text: string; readonly ids: number[] };
  };
}

/** The outcome of a record. */
export type TokenizedRecord =
  | ((TokenizeResult & { readonly ok: true }) & { readonly facts: RecordFacts })
  | Rejection<RecordReason | TokenReason>;

interface PromptWithResponse {
  readonly prompt: string | readonly Message[];
  readonly response: string;
}

export type JobName = keyof Jobs;

/** The current stage of an item. Limits and error names depend on it. */
export type Stage = 'parse' | 'render' | 'encode';

type Perform<K extends JobName> = (
  tokenizer: Tokenizer,
  item: Jobs[K]['item'],
  options: Jobs[K]['options'],
  enter: (stage: Stage) => void,
) => Jobs[K]['result'];

export const perform: { readonly [K in JobName]: Perform<K> } = {
  records(tokenizer, item, options, enter) {
    enter('parse');
    const parsed = parsePreference(item, options);
    enter('encode');
    if (!parsed.ok) return parsed;
    const made = tokenizePreference(tokenizer, parsed.preference, options);
    return made.ok ? { ...made, facts: parsed.facts } : made;
  },
  preferences: (tokenizer, item, options) => tokenizePreference(tokenizer, item, options),
  responses: (tokenizer, { prompt, response }, options) => tokenizeResponse(tokenizer, prompt, response, options),
  texts: (tokenizer, text, options) => tokenizer.encode(text, options),
  encodings: (tokenizer, ids, options) => tokenizer.decode(ids, options),
  conversations(tokenizer, messages, options) {
    const text = tokenizer.chatTemplate.render(messages, options);
    return { text, ids: tokenizer.encode(text, { addSpecialTokens: false }) };
  },
};

/** The result for an item that was given up, if the job's results can express it. */
export function rejection(name: JobName, reason: string, message: string): Rejection | undefined {
  const canSay = name === 'records' || name === 'preferences' || name === 'responses';
  return canSay ? { ok: false, reason, message } : undefined;
}
