import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BYTE_VOCABULARY_SIZE, writeByteTokenizer } from '@alphapo/tokenization';

/** Gives a model folder a tokenizer. The records are token ids: it only has to be there, with a vocabulary that holds them. */
export async function giveTokenizer(model: string): Promise<void> {
  await writeByteTokenizer(model);
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
  const file = join(model, 'tokenizer.json');
  const tokenizer = JSON.parse(await readFile(file, 'utf8'));
  for (let id = BYTE_VOCABULARY_SIZE; id < config.vocab_size; id++) tokenizer.model.vocab[`<unused ${id}>`] = id;
  await writeFile(file, JSON.stringify(tokenizer));
}
