import { AlphapoError } from '@alphapo/base';
import type { ContinueOptions } from '@alphapo/generation';
import { z } from 'zod';
import { MAX_CONTINUATIONS, MAX_PROMPTS, MAX_STOPS, MAX_TOP_LOG_PROBS } from '../limits.ts';

/**
 * Requests of OpenAI's API (https://platform.openai.com/docs/api-reference), with vLLM's names for what that does not have:
 * top_k, min_p, repetition_penalty, ignore_eos. What is not supported is refused by name, so that no one believes it had an
 * effect.
 */

const off = (value: number) => z.literal(value).nullish();
const text = z.string().refine((value) => value.isWellFormed(), 'has a lone surrogate');
const tokenIds = z.array(z.int().nonnegative()).min(1);

const sampling = {
  model: z.string(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().positive().max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).lt(1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  n: z.int().min(1).max(MAX_CONTINUATIONS).nullish(),
  seed: z.int().nonnegative().nullish(),
  stop: z.union([text, z.array(text).max(MAX_STOPS)]).nullish(),
  ignore_eos: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  // These have no effect on the answer.
  user: z.string().nullish(),
  store: z.literal(false).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  // Only with the value that leaves them off.
  presence_penalty: off(0),
  frequency_penalty: off(0),
  logit_bias: z.strictObject({}).nullish(),
};

const completionSchema = z.strictObject({
  ...sampling,
  prompt: z.union([text, tokenIds, z.array(text).min(1).max(MAX_PROMPTS), z.array(tokenIds).min(1).max(MAX_PROMPTS)]),
  max_tokens: z.int().nonnegative().nullish(),
  logprobs: z.int().min(0).max(MAX_TOP_LOG_PROBS).nullish(),
  echo: z.boolean().nullish(),
  best_of: off(1),
  suffix: z.literal('').nullish(),
});

const part = z.strictObject({ type: z.literal('text'), text });
const message = z.strictObject({
  role: z.string().min(1),
  content: z.union([text, z.array(part).transform((parts) => parts.map((one) => one.text).join(''))]),
  name: z.string().nullish(),
});

const chatSchema = z.strictObject({
  ...sampling,
  messages: z.array(message).min(1),
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(MAX_TOP_LOG_PROBS).nullish(),
  response_format: z.strictObject({ type: z.literal('text') }).nullish(),
  tools: z.array(z.never()).max(0).nullish(),
  tool_choice: z.literal('none').nullish(),
});

export type CompletionRequest = z.infer<typeof completionSchema>;
export type ChatRequest = z.infer<typeof chatSchema>;

/** Errors: INVALID_REQUEST with the field. */
export const parseCompletion = (body: unknown): CompletionRequest => parsed(completionSchema, body);
export const parseChat = (body: unknown): ChatRequest => parsed(chatSchema, body);

function parsed<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])].join('.');
  const problem = unknown === undefined ? issue?.message : 'is not supported; remove it';
  throw new AlphapoError('invalid-argument', 'INVALID_REQUEST', `${field === '' ? 'the body' : field}: ${problem}`, {
    metadata: { field },
  });
}

type Sampling = CompletionRequest | ChatRequest;

/** Greatest seed that is chosen where the caller gives none. */
const SEEDS = 2 ** 32;

/** How a request is continued, except for what depends on its kind. Sampling is at temperature 1 where none is given. */
export function continueOptions(request: Sampling): Omit<ContinueOptions, 'signal' | 'maxTokens' | 'topLogProbs'> {
  const { temperature, top_p, top_k, min_p, repetition_penalty, n, seed, stop, ignore_eos } = request;
  return {
    continuations: n ?? 1,
    sampling: {
      temperature: temperature ?? 1,
      topP: top_p ?? undefined,
      topK: top_k === -1 ? undefined : top_k || undefined,
      minP: min_p ?? undefined,
      repetitionPenalty: repetition_penalty ?? undefined,
    },
    seed: seed ?? Math.floor(Math.random() * SEEDS),
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    ignoreEnd: ignore_eos ?? false,
    batching: 'together',
  };
}
