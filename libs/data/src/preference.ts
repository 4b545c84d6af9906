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
      readonly prompt: readonly Message[];
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
export interface Rejection {
  readonly ok: false;
  readonly reason: string;
  readonly message: string;
}

export type ParsedPreference = { readonly ok: true; readonly preference: Preference } | Rejection;
