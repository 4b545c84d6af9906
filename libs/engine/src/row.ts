import type { PolicyChoice } from './engine.ts';

/** A prompt and the responses that share it: one row of a pack. Responses see the prompt and themselves only. */
export interface Row {
  readonly prompt: readonly number[];
  readonly responses: readonly (readonly number[])[];
}

/** Which weights rows are scored with: a caller's choice, or the model that objectives compare with. */
export type RowChoice = PolicyChoice | { readonly kind: 'reference' };

export function responseTokens({ responses }: Row): number {
  return responses.reduce((sum, { length }) => sum + length, 0);
}

export function rowTokens(row: Row): number {
  return row.prompt.length + responseTokens(row);
}
