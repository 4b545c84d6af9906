import { tokensIn } from '../sampler.ts';

/** Tokens of a request, as OpenAI's API counts them: each prompt once, and all that was generated. */
export function usageOf(prompts: readonly (readonly number[])[], generated: number) {
  const read = tokensIn(prompts);
  return { prompt_tokens: read, completion_tokens: generated, total_tokens: read + generated };
}
