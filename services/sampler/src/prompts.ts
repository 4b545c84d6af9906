import { AlphapoError } from '@alphapo/base';
import type { Message } from '@alphapo/data';
import type { TokenizerPool } from '@alphapo/tokenization';

/** A prompt as callers write it. */
export type WrittenPrompt =
  | { readonly kind: 'text'; readonly text: string }
  /** Rendered with the chat template up to where the assistant's reply begins. */
  | { readonly kind: 'conversation'; readonly messages: readonly Message[] }
  | { readonly kind: 'tokens'; readonly tokens: readonly number[] };

/** Characters of all prompts of a call: more would take a tokenizer many seconds. */
const MAX_CHARACTERS = 2 ** 22;

/** Token ids of prompts. Errors: INVALID_PROMPT with the place; those of the tokenizer; the signal's reason. */
export async function tokensOfPrompts(
  prompts: readonly WrittenPrompt[],
  tokenizer: TokenizerPool,
  signal: AbortSignal,
): Promise<(readonly number[])[]> {
  const characters = prompts.reduce((sum, prompt) => sum + charactersOf(prompt), 0);
  if (characters > MAX_CHARACTERS) {
    throw invalid('prompts', `${characters} characters exceed the limit of ${MAX_CHARACTERS} per call`);
  }
  const tokens: (readonly number[])[] = [];
  for (const [i, prompt] of prompts.entries()) {
    tokens.push(await tokensOf(prompt, `prompts[${i}]`, tokenizer, signal));
  }
  return tokens;
}

async function tokensOf(
  prompt: WrittenPrompt,
  place: string,
  tokenizer: TokenizerPool,
  signal: AbortSignal,
): Promise<readonly number[]> {
  if (prompt.kind === 'tokens') return prompt.tokens;
  if (tokenizer.description.takes === 'ids') {
    throw invalid(place, 'is text, but the model has no tokenizer; send token ids');
  }
  if (prompt.kind === 'text') {
    const [ids] = await tokenizer.run('texts', [prompt.text], { addSpecialTokens: true }, signal);
    return ids ?? [];
  }
  const { messages } = prompt;
  if (messages.length === 0) throw invalid(place, 'has no messages');
  const [made] = await tokenizer.run('conversations', [messages], { addGenerationPrompt: true }, signal);
  return made?.ids ?? [];
}

function charactersOf(prompt: WrittenPrompt): number {
  if (prompt.kind === 'text') return prompt.text.length;
  return prompt.kind === 'tokens' ? 0 : prompt.messages.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
}

function invalid(field: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_PROMPT', `${field}: ${problem}`, { metadata: { field } });
}
