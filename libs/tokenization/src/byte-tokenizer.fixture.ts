import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { writeByteTokenizer } from './byte-tokenizer.ts';
import { openTokenizer, type Tokenizer } from './tokenizer.ts';

interface Fixture {
  readonly chatTemplate?: string;
  /** Files beside or in place of the tokenizer's own. */
  readonly files?: Readonly<Record<string, string>>;
  /** Changes tokenizer_config.json. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Changes tokenizer.json. */
  readonly definition?: (definition: TokenizerJson) => void;
}

/** What tests change of a tokenizer.json. */
interface TokenizerJson {
  readonly model: { readonly vocab: Record<string, number> };
}

/** A byte tokenizer in a folder of its own. */
export async function byteTokenizer(fixture: Fixture = {}): Promise<Tokenizer> {
  const folder = await temporaryFolder();
  await writeByteTokenizer(folder);
  await change(join(folder, 'tokenizer_config.json'), (config) => Object.assign(config, fixture.config));
  await change(join(folder, 'tokenizer.json'), (definition) => fixture.definition?.(definition as TokenizerJson));
  for (const [name, text] of Object.entries(fixture.files ?? {})) await writeFile(join(folder, name), text);
  return openTokenizer(folder, { chatTemplate: fixture.chatTemplate });
}

async function change(file: string, edit: (value: object) => void): Promise<void> {
  const value = JSON.parse(await readFile(file, 'utf8'));
  edit(value);
  await writeFile(file, JSON.stringify(value));
}
