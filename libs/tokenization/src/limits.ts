import { AlphapoError } from '@alphapo/base';
import type { Split } from './exchange.ts';

/** Limits in tokens. */
export interface TokenLimits {
  /** Longest prompt + response. A response that is too long loses its end. */
  readonly maxLength: number;
  readonly maxPromptLength: number;
  /** What happens to a prompt that is too long: it loses its start (`keep_end`, the default), or is refused. */
  readonly longPrompt?: 'keep_end' | 'refuse';
}

/** What the limits left of an exchange, and how many tokens they cut off. */
interface LimitedSplit {
  readonly prompt: number[];
  readonly responses: readonly number[][];
  readonly truncated: { readonly prompt: number; readonly responses: readonly number[] };
}

/** A cut prompt keeps its beginning-of-sequence token. Errors: PROMPT_TOO_LONG. */
export function withinLimits({ prompt, responses }: Split, limits: TokenLimits, bos: number | undefined): LimitedSplit {
  const { maxLength, maxPromptLength, longPrompt = 'keep_end' } = limits;
  if (longPrompt === 'refuse' && prompt.length > maxPromptLength) {
    throw tooLong(`the prompt has ${prompt.length} tokens; shorten it to ${maxPromptLength}`);
  }
  const kept = keepEnd(prompt, maxPromptLength, bos);
  const room = maxLength - kept.length;
  if (room <= 0) {
    throw tooLong(`a prompt of ${kept.length} tokens leaves no room for a response within ${maxLength}`);
  }
  const cut = responses.map((ids) => ids.slice(0, room));
  return {
    prompt: kept,
    responses: cut,
    truncated: {
      prompt: prompt.length - kept.length,
      responses: responses.map((ids) => Math.max(0, ids.length - room)),
    },
  };
}

function keepEnd(prompt: readonly number[], limit: number, bos: number | undefined): number[] {
  if (prompt.length <= limit) return [...prompt];
  if (bos !== undefined && prompt[0] === bos && limit > 1) return [bos, ...keepEnd(prompt, limit - 1, undefined)];
  return prompt.slice(prompt.length - limit);
}

function tooLong(message: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'PROMPT_TOO_LONG', message);
}
