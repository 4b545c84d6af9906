import { AlphapoError } from '@alphapo/base';
import type { ScoreItem, TextPair, TextSequence } from '@alphapo/contracts';
import type { Preference } from '@alphapo/data';
import type { PairTokens, SequenceTokens } from '@alphapo/engine';
import { type Tokenizer, tokenizePreference } from '@alphapo/tokenization';

/** An item of a Score request as token ids. */
export type TokenItem =
  | { readonly kind: 'pair'; readonly id: string; readonly tokens: PairTokens }
  | { readonly kind: 'sequence'; readonly id: string; readonly tokens: SequenceTokens };

/** How text becomes tokens: by the model's tokenizer, within the length that the scorer takes. */
export interface TextOptions {
  readonly tokenizer: Tokenizer;
  readonly maxLength: number;
}

/** Token ids of an item. Errors: INVALID_ITEM with the item's index and what is wrong with it. */
export function tokensOfItem(item: ScoreItem, index: number, text: TextOptions): TokenItem {
  const refuse = (problem: string): never => {
    throw new AlphapoError('invalid-argument', 'INVALID_ITEM', `items[${index}]: ${problem}`, {
      metadata: { field: `items[${index}]` },
    });
  };
  const { id } = item;
  switch (item.item?.$case) {
    case 'tokenPair': {
      const { prompt, chosen, rejected } = item.item.value;
      return { kind: 'pair', id, tokens: { prompt, chosen, rejected } };
    }
    case 'tokenSequence':
      return { kind: 'sequence', id, tokens: item.item.value };
    case 'textPair': {
      const tokens = tokenize(textPreference(item.item.value, refuse), text, refuse);
      return { kind: 'pair', id, tokens };
    }
    case 'textSequence': {
      const { response, prompt } = item.item.value;
      const preference = textPreference({ prompt, chosen: response, rejected: '' }, refuse);
      const tokens = tokenize(preference, text, refuse);
      return { kind: 'sequence', id, tokens: { prompt: tokens.prompt, response: tokens.chosen } };
    }
    default:
      return refuse('set one of token_pair, text_pair, token_sequence, text_sequence');
  }
}

function textPreference(
  { prompt, chosen, rejected }: TextPair | (Pick<TextSequence, 'prompt'> & { chosen: string; rejected: string }),
  refuse: (problem: string) => never,
): Preference {
  if (prompt?.$case === 'text') {
    return {
      kind: 'text',
      prompt: prompt.value,
      chosen,
      rejected,
    } as unknown as Preference;
  }
  return refuse('the prompt is missing: set text or conversation');
}

function tokenize(preference: Preference, { tokenizer, maxLength }: TextOptions, refuse: (problem: string) => never) {
  const made = tokenizePreference(tokenizer, preference, { maxLength, maxPromptLength: maxLength - 1 });
  return made.ok ? made.pair : refuse(made.message);
}
