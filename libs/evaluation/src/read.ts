import { AlphapoError } from '@alphapo/base';
import { readRecords } from '@alphapo/data';
import { readPrompts, type TokenPrompt } from '@alphapo/generation';
import { readModelDefinition } from '@alphapo/models';
import { openTokenizer, TokenizerPool, type TokenLimits } from '@alphapo/tokenization';
import type { TokenPair } from './pairs.ts';

/** Their answers must fit into one record. */
const MAX_PROMPTS = 2_000;

interface TokenizerChoice {
  readonly chatTemplate: string | undefined;
}

/**
 * The prompts of a file, each perhaps with a right answer. Text is used as it is, conversations go through the chat template. Errors:
 * NO_PROMPTS, TOO_MANY_PROMPTS; those of `readPrompts` and `openTokenizer`.
 */
export async function readEvaluationPrompts(
  file: string,
  model: string,
  { chatTemplate }: TokenizerChoice,
): Promise<readonly TokenPrompt[]> {
  const opened = await openTokenizer(model, { chatTemplate });
  const tokenizer = opened.takes === 'ids' ? undefined : opened;
  const limits = await readModelDefinition(model);
  const prompts = await readPrompts(file, { tokenizer, asChat: false, withAnswers: true, limits });
  if (prompts.length > MAX_PROMPTS) throw tooManyPrompts(file, prompts.length);
  if (prompts.length > 0) return prompts;
  throw new AlphapoError(
    'invalid-argument',
    'NO_PROMPTS',
    `${file}: has no prompts; a line each, {"prompt": text} or {"messages": […]}`,
  );
}

/** The pairs of files. Errors: BAD_RECORDS with the first that cannot be used, and why; NO_PAIRS; those of `readRecords` and `TokenizerPool.open`. */
export async function readEvaluationPairs(
  places: readonly string[],
  model: string,
  { chatTemplate, ...options }: TokenizerChoice & TokenLimits & { readonly ignoreFields: readonly string[] },
): Promise<TokenPair[]> {
  await using tokenizer = await TokenizerPool.open(model, { chatTemplate });
  const pairs: TokenPair[] = [];
  for (const place of places) {
    for await (const { bytes, file, line } of readRecords(place)) {
      const origin = `${file}:${line}`;
      const [made] = await tokenizer.run('records', [bytes], options);
      if (!made?.ok) throw badRecord(`${origin}: ${made?.message}`);
      const { pair } = made;
      pairs.push({ ...pair, id: pair.id ?? origin });
    }
  }
  if (places.length > 0 && pairs.length === 0) {
    throw new AlphapoError('invalid-argument', 'NO_PAIRS', `${places.join(', ')}: has no pairs to evaluate on`);
  }
  return pairs;
}

function tooManyPrompts(file: string, count: number): AlphapoError {
  return new AlphapoError(
    'invalid-argument',
    'TOO_MANY_PROMPTS',
    `${file}: has ${count} prompts; at most ${MAX_PROMPTS} can be evaluated: keep a sample of them`,
  );
}

function badRecord(problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'BAD_RECORDS', `${problem}; correct or remove it`);
}
