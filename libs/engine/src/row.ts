/** A prompt and the responses that share it: one row of a pack. Responses see the prompt and themselves only. */
export interface Row {
  readonly prompt: readonly number[];
  readonly responses: readonly (readonly number[])[];
}

export function rowTokens({ prompt, responses }: Row): number {
  return responses.reduce((sum, response) => sum + response.length, prompt.length);
}
