import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { z } from 'zod';

const recordSchema = z.object({
  repository: z.string(),
  revision: z.string(),
  commit: z.string(),
  files: z.array(z.string()),
});

/** What a folder holds, once all of it is there. */
type ModelRecord = z.infer<typeof recordSchema>;

const FILE = '.alphapo-model.json';

/** Undefined where no model was fetched whole. Errors: DAMAGED_RECORD. */
export async function readRecord(folder: string): Promise<ModelRecord | undefined> {
  const path = join(folder, FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new AlphapoError('data-loss', 'DAMAGED_RECORD', `${path} cannot be read; remove it and fetch again`, {
      cause: error,
    });
  }
}

export async function writeRecord(folder: string, record: ModelRecord): Promise<void> {
  const path = join(folder, FILE);
  await writeFile(`${path}.new`, `${JSON.stringify(record, undefined, 2)}\n`);
  await rename(`${path}.new`, path);
}
