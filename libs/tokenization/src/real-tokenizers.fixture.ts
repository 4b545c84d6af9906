import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { sharedPath } from '../../../test/support/shared-data.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { openTokenizer, type Tokenizer } from './tokenizer.ts';

/** The path of a real tokenizer's folder or of test vectors. */
export const tokenizerPath = (path: string) => sharedPath('data/tokenizers', path) as string;

let qwen: Promise<Tokenizer> | undefined;

/** Qwen 2.5's tokenizer, whose tokenizer.json is stored compressed; opened once for each file of tests. */
export function openQwen(): Promise<Tokenizer> {
  qwen ??= (async () => {
    const folder = await temporaryFolder();
    const packed = await readFile(tokenizerPath('qwen2.5/tokenizer.rebuilt.json.gz'));
    await writeFile(join(folder, 'tokenizer.json'), gunzipSync(packed));
    await copyFile(tokenizerPath('qwen2.5/tokenizer_config.json'), join(folder, 'tokenizer_config.json'));
    return openTokenizer(folder);
  })();
  return qwen;
}
