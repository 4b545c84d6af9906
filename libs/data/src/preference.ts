/** A value as JSON has it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/**
 * One message of a conversation, as the chat template gets it. Fields beside role and content are there only where the record
 * has them, by the names that templates know, and reach the template as they are.
 */
export interface Message {
  readonly role: string;
  /** null: the message only calls tools. */
  readonly content: string | null;
  readonly name?: string;
  readonly tool_calls?: readonly Json[];
  readonly tool_call_id?: string;
  readonly reasoning_content?: string;
}

interface Sides<Part> {
  readonly prompt: Part;
  readonly chosen: Part;
  readonly rejected: Part;
}

/** A preference pair, whatever form it came in. In conversations, the responses are the messages after the prompt. */
export type Preference = {
  readonly id?: string;
  /** The pair's weight in the loss; 1 by default. */
  readonly weight?: number;
} & (
  | ({ readonly kind: 'text' } & Sides<string>)
  | ({
      readonly kind: 'messages';
      /** JSON Schemas of tools, for the chat template. */
      readonly tools?: readonly Json[];
      /** What stands for the messages where the model has no chat template: an instruction and its responses as text. */
      readonly text?: Sides<string>;
      // `prompt` ends before a turn of the assistant; the responses begin and end with a message of the assistant.
    } & Sides<readonly Message[]>)
  | ({ readonly kind: 'tokens' } & Sides<readonly number[]>)
);

/** How a record was read: for people, who want to know what is trained on. */
export interface RecordFacts {
  /** A short stable name of the record's form, such as `prompt-chosen-rejected` or `alpaca`. */
  readonly form: string;
  /** Whether the prompt has a field of its own, or is what both responses begin with. */
  readonly prompt: 'explicit' | 'implicit';
  /** Fields that were read. */
  readonly read: readonly string[];
  /** Fields that say nothing about what is trained, such as scores and sources. */
  readonly ignored: readonly string[];
}

/** Options of reading a record. */
export interface RecordOptions {
  /** More fields to ignore. */
  readonly ignoreFields?: readonly string[];
}

/** Why a record cannot be trained on: a stable reason, and a message that names the field and the way out. */
export interface Rejection<Reason extends string = string> {
  readonly ok: false;
  readonly reason: Reason;
  readonly message: string;
  /** The field that is wrong, as a path into the record such as `prompt[0].content`, where it is one field. */
  readonly field?: string;
}

/** The reasons for which the parser refuses a record. */
export type RecordReason =
  // Bytes.
  | 'LINE_TOO_LONG'
  | 'NOT_UTF8'
  | 'NOT_JSON'
  | 'NOT_AN_OBJECT'
  // Forms that hold no pair.
  | 'MISSING_FIELD'
  | 'UNPAIRED'
  | 'PROMPT_ONLY'
  | 'LANGUAGE_MODELLING'
  | 'STEPWISE_SUPERVISION'
  // Fields.
  | 'UNKNOWN_FIELD'
  | 'UNSUPPORTED_FIELD'
  | 'WRONG_TYPE'
  | 'UNKNOWN_ROLE'
  | 'LONE_SURROGATE'
  | 'INVALID_TOKEN_IDS'
  | 'INVALID_WEIGHT'
  | 'ID_TOO_LONG'
  // Meaning.
  | 'AMBIGUOUS_PROMPT'
  | 'EMPTY_PROMPT'
  | 'PROMPT_ENDS_WITH_ASSISTANT'
  | 'RESPONSE_NOT_ASSISTANT'
  | 'EMPTY_RESPONSE'
  | 'IDENTICAL_RESPONSES'
  | 'NO_PREFERENCE';

export type ParsedPreference =
  | { readonly ok: true; readonly preference: Preference; readonly facts: RecordFacts }
  | Rejection<RecordReason>;
