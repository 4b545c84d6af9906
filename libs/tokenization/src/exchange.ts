import type { Json, Message } from '@alphapo/data';

/** A prompt and some responses to it. */
export type Exchange =
  | { readonly kind: 'text'; readonly prompt: string; readonly responses: readonly string[] }
  | {
      readonly kind: 'messages';
      readonly prompt: readonly Message[];
      readonly responses: readonly (readonly Message[])[];
      readonly tools?: readonly Json[] | undefined;
    }
  | { readonly kind: 'tokens'; readonly prompt: Ids; readonly responses: readonly Ids[] };

/** Token ids. */
export type Ids = readonly number[];

/** Where the prompt ends and the responses begin, in token ids. */
export interface Split {
  readonly prompt: Ids;
  readonly responses: readonly Ids[];
}
