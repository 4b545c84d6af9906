import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, messageOf } from '@alphapo/base';
import { z } from 'zod';

const idsSchema = z.looseObject({
  eos_token_id: z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]).nullish(),
});

/**
 * The tokens that end what a model generates, as transformers takes them: generation_config.json's, else config.json's, else
 * the tokenizer's. None where nobody names one. Errors: MODEL_CONFIG with the file.
 */
export async function readEndTokens(folder: string, tokenizerEnd: number | undefined): Promise<readonly number[]> {
  for (const name of ['generation_config.json', 'config.json']) {
    const ids = await endTokensOf(join(folder, name));
    if (ids !== undefined) return ids;
  }
  return tokenizerEnd === undefined ? [] : [tokenizerEnd];
}

async function endTokensOf(file: string): Promise<readonly number[] | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { eos_token_id: ids } = idsSchema.parse(JSON.parse(text));
    return typeof ids === 'number' ? [ids] : (ids ?? undefined);
  } catch (cause) {
    const problem = `${file}: eos_token_id is not a token id or list of ids: ${messageOf(cause)}`;
    throw new AlphapoError('failed-precondition', 'MODEL_CONFIG', problem, { cause });
  }
}
