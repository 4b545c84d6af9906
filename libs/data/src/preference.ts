/** One message of a conversation. */
export interface Message {
  readonly role: string;
  readonly content: string;
}

/** A preference pair, whatever shape it came in. In conversations, the responses are the messages after the prompt. */
export type Preference =
  | {
      readonly kind: 'text';
      readonly id?: string;
      readonly prompt: string;
      readonly chosen: string;
      readonly rejected: string;
    }
  | {
      readonly kind: 'messages';
      readonly id?: string;
      /** Ends before a turn of the assistant. */
      readonly prompt: readonly Message[];
      /** Begin and end with a message of the assistant. */
      readonly chosen: readonly Message[];
      readonly rejected: readonly Message[];
    }
  | {
      readonly kind: 'tokens';
      readonly id?: string;
      readonly prompt: readonly number[];
      readonly chosen: readonly number[];
      readonly rejected: readonly number[];
    };

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
  | 'WRONG_TYPE'
  | 'UNKNOWN_ROLE'
  | 'LONE_SURROGATE'
  | 'INVALID_TOKEN_IDS'
  | 'ID_TOO_LONG'
  // Meaning.
  | 'EMPTY_PROMPT'
  | 'PROMPT_ENDS_WITH_ASSISTANT'
  | 'RESPONSE_NOT_ASSISTANT'
  | 'EMPTY_RESPONSE'
  | 'IDENTICAL_RESPONSES'
  | 'NO_PREFERENCE';

export type ParsedPreference = { readonly ok: true; readonly preference: Preference } | Rejection<RecordReason>;
