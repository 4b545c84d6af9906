import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTokenizer } from '@alphapo/tokenization';

const DOCUMENTS = ['training', 'kubernetes', 'operations', 'architecture', 'kafka', 'records'];

/** Token ids [count, length] of what people wrote: this repository's documents, each prompt another part. */
export async function promptsOf(model: string, count: number, length: number): Promise<number[][]> {
  const docs = join(import.meta.dirname, '../../docs');
  const text = DOCUMENTS.map((name) => readFileSync(join(docs, `${name}.md`), 'utf8')).join('\n');
  const tokenizer = await openTokenizer(model);
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  if (ids.length < count * length) {
    throw new Error(`the documents have ${ids.length} tokens: ask for fewer or shorter prompts`);
  }
  return Array.from({ length: count }, (_, i) => ids.slice(i * length, (i + 1) * length));
}
