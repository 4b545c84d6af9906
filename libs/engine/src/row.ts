/** A prompt and the responses that share it: one row of a pack. Responses see the prompt and themselves only. */
export interface Row {
  readonly prompt: readonly number[];
  readonly responses: readonly (readonly number[])[];
}

export function responseTokens({ responses }: Row): number {
  return responses.reduce((sum, { length }) => sum + length, 0);
}

export function rowTokens(row: Row): number {
  return row.prompt.length + responseTokens(row);
}
