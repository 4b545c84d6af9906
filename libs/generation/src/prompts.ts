import { AlphapoError, messageOf, nearestWord } from '@alphapo/base';
import { type Message, readRecords } from '@alphapo/data';
import type { Tokenizer } from '@alphapo/tokenization';
import { z } from 'zod';
import { type RightAnswer, rightAnswerSchema } from './right-answer.ts';

/** A prompt to continue, by one of its three forms. */
const promptSchema = z
  .looseObject({
    id: z.union([z.string(), z.number()]).transform(String).nullish(),
    prompt: z.string().min(1).optional(),
    messages: z
      .array(z.looseObject({ role: z.string(), content: z.string().nullable() }))
      .min(1)
      .optional(),
    prompt_ids: z.array(z.int().nonnegative()).min(1).optional(),
  })
  .refine(
    ({ prompt, messages, prompt_ids }) =>
      [prompt, messages, prompt_ids].filter((one) => one !== undefined).length === 1,
    'needs one of prompt (text), messages (a conversation) or prompt_ids (token ids)',
  );

type WrittenPrompt = z.infer<typeof promptSchema>;

/** A prompt as token ids. */
export interface TokenPrompt {
  readonly id: string;
  /** What people see of it. */
  readonly text: string;
  readonly tokens: readonly number[];
  /** What counts as a right answer, where the file says it. */
  readonly answer?: RightAnswer | undefined;
}

type PromptTokens = Pick<TokenPrompt, 'text' | 'tokens'>;

/** How prompts become tokens. */
export interface PromptOptions {
  /** Undefined: the model's folder has none, so that prompts must be token ids. */
  readonly tokenizer: Tokenizer | undefined;
  /** Text is what a user says: it goes through the chat template. */
  readonly asChat: boolean;
  /** Reads `answer` as what counts as right; otherwise it is passed over like any other field. */
  readonly withAnswers?: boolean;
  /** What the model can take; not checked where absent. */
  readonly limits?: { readonly maxPositions: number; readonly vocabularySize: number };
}

/** The prompts of a file, a line each. Errors: INVALID_PROMPT with file and line; those of `readRecords`. */
export async function readPrompts(file: string, options: PromptOptions): Promise<TokenPrompt[]> {
  const prompts: TokenPrompt[] = [];
  for await (const { bytes, line } of readRecords(file)) {
    const place = `${file}:${line}`;
    const written = parsePrompt(bytes, place);
    const answer = options.withAnswers ? answerOf(written, place) : undefined;
    const prompt = { ...tokensOf(written, options, place), id: written.id ?? `${line}`, answer };
    checkLimits(prompt.tokens, options.limits, place);
    prompts.push(prompt);
  }
  return prompts;
}

function parsePrompt(bytes: Uint8Array, place: string): WrittenPrompt {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(`${place}: not valid JSON: ${messageOf(error)}`);
  }
  const parsed = promptSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`${place}: ${[issue?.path.join('.'), issue?.message].filter(Boolean).join(': ')}`);
}

/** A prompt must leave room for a token. */
function checkLimits(tokens: readonly number[], limits: PromptOptions['limits'], place: string): void {
  if (limits === undefined) return;
  const { maxPositions, vocabularySize } = limits;
  if (tokens.length >= maxPositions) {
    throw invalid(
      `${place}: has ${tokens.length} tokens; the model takes ${maxPositions}, answer included: shorten it`,
    );
  }
  const unknown = tokens.find((token) => token >= vocabularySize);
  if (unknown === undefined) return;
  throw invalid(`${place}: token ${unknown} is not in the model's vocabulary of ${vocabularySize}`);
}

function answerOf(written: WrittenPrompt, place: string): RightAnswer | undefined {
  const misspelled = Object.keys(written).find((name) => name !== 'answer' && nearestWord(name, ['answer']));
  if (misspelled !== undefined) throw invalid(`${place}: ${misspelled}: no such field; did you mean answer?`);
  if (written.answer === undefined || written.answer === null) return undefined;
  const parsed = rightAnswerSchema.safeParse(written.answer);
  if (parsed.success) return parsed.data;
  const badPattern = issuesIn(parsed.error.issues).find(({ code }) => code === 'custom');
  if (badPattern !== undefined) throw invalid(`${place}: answer: regex ${badPattern.message}`);
  throw invalid(
    `${place}: answer: needs a text, {"exact": text}, {"prefix": text}, {"regex": pattern} or {"number": number}, or a list of these`,
  );
}

/** With those of the alternatives of unions. */
function issuesIn(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  return issues.flatMap((issue) => [issue, ...(issue.code === 'invalid_union' ? issuesIn(issue.errors.flat()) : [])]);
}

/** A prompt given in the command line. */
export function textPrompt(text: string, index: number, options: PromptOptions): TokenPrompt {
  return { ...tokensOf({ prompt: text }, options, '--prompt'), id: `${index + 1}` };
}

function tokensOf(written: WrittenPrompt, { tokenizer, asChat }: PromptOptions, place: string): PromptTokens {
  const { prompt, messages, prompt_ids: tokens } = written;
  if (tokens !== undefined) return { text: tokens.join(' '), tokens };
  if (tokenizer === undefined) throw invalid(`${place}: the model has no tokenizer; use token ids (prompt_ids)`);
  if (messages !== undefined) return conversationPrompt(messages as Message[], tokenizer);
  if (asChat) return conversationPrompt([{ role: 'user', content: prompt as string }], tokenizer);
  const text = prompt as string;
  return { text, tokens: tokenizer.encode(text, { addSpecialTokens: true }) };
}

/** A conversation up to where the assistant's reply begins. Errors: TEMPLATE_REFUSED. */
export function conversationPrompt(messages: readonly Message[], tokenizer: Tokenizer): PromptTokens {
  const rendered = tokenizer.chatTemplate.render(messages, { addGenerationPrompt: true });
  const text = messages.at(-1)?.content ?? '';
  return { text, tokens: tokenizer.encode(rendered, { addSpecialTokens: false }) };
}

function invalid(message: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_PROMPT', message);
}
