import { AlphapoError } from '@alphapo/base';
import { type ScoreItem, type TextPair, type TextSequence, weightProblem } from '@alphapo/contracts';
import type { PairTokens, SequenceTokens } from '@alphapo/engine';
import type { TokenizerPool } from '@alphapo/tokenization';

/** An item of a Score request as token ids. */
export type TokenItem =
  | { readonly kind: 'pair'; readonly tokens: PairTokens }
  | { readonly kind: 'sequence'; readonly tokens: SequenceTokens };

/** How text becomes tokens: by the model's tokenizer, within the length that the scorer takes. */
export interface TextOptions {
  readonly tokenizer: TokenizerPool;
  readonly maxLength: number;
}

/**
 * Token ids of a request's items, by the same rules as in training. Errors: INVALID_ITEM with the index and what is wrong;
 * the signal's reason.
 */
export async function tokensOfItems(
  items: readonly ScoreItem[],
  text: TextOptions,
  signal: AbortSignal,
): Promise<TokenItem[]> {
  const tokens: TokenItem[] = [];
  for (const [index, item] of items.entries()) tokens.push(await tokensOfItem(item, index, text, signal));
  return tokens;
}

async function tokensOfItem(
  item: ScoreItem,
  index: number,
  { tokenizer, maxLength }: TextOptions,
  signal: AbortSignal,
): Promise<TokenItem> {
  const refuse = (problem: string): never => {
    throw new AlphapoError('invalid-argument', 'INVALID_ITEM', `items[${index}]: ${problem}`, {
      metadata: { field: `items[${index}]` },
    });
  };
  const checked = (weight: number | undefined) => {
    const problem = weightProblem(weight);
    return problem === undefined ? weight : refuse(`weight: ${problem}`);
  };
  const limits = { maxLength, maxPromptLength: maxLength - 1 };
  switch (item.item?.$case) {
    case 'tokenPair': {
      const { prompt, chosen, rejected, weight } = item.item.value;
      return { kind: 'pair', tokens: { prompt, chosen, rejected, weight: checked(weight) } };
    }
    case 'tokenSequence':
      return { kind: 'sequence', tokens: item.item.value };
    case 'textPair': {
      const prompt = promptOf(item.item.value) ?? refuse('the prompt is missing: set text or conversation');
      const { chosen, rejected } = item.item.value;
      const weight = checked(item.item.value.weight);
      const assistant = (content: string) => [{ role: 'assistant', content }];
      const preference =
        typeof prompt === 'string'
          ? ({ kind: 'text', prompt, chosen, rejected } as const)
          : ({ kind: 'messages', prompt, chosen: assistant(chosen), rejected: assistant(rejected) } as const);
      const [made] = await tokenizer.run('preferences', [preference], limits, signal);
      return { kind: 'pair', tokens: made?.ok ? { ...made.pair, weight } : refuse(made?.message ?? '') };
    }
    case 'textSequence': {
      const prompt = promptOf(item.item.value) ?? refuse('the prompt is missing: set text or conversation');
      const { response } = item.item.value;
      const [made] = await tokenizer.run('responses', [{ prompt, response }], limits, signal);
      return { kind: 'sequence', tokens: made?.ok ? made : refuse(made?.message ?? '') };
    }
    default:
      return refuse('set one of token_pair, text_pair, token_sequence, text_sequence');
  }
}

function promptOf({ prompt }: Pick<TextPair | TextSequence, 'prompt'>) {
  return prompt?.$case === 'conversation' ? prompt.value.messages : prompt?.value;
}
