import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';

/** Tells a folder that the demo made from all others. */
const MARKER = 'alphapo-demo.txt';
const MARKER_TEXT = 'Created by alphapo demo. The next demo with this --out removes everything in this folder.\n';

/**
 * Makes a folder for the demo, or empties one that an earlier demo made. Errors: NOT_A_DEMO where it holds anything else; nothing is
 * removed then.
 */
export async function emptyDemoFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const names = await readdir(folder);
  if (names.length > 0 && !names.includes(MARKER)) {
    throw new AlphapoError(
      'failed-precondition',
      'NOT_A_DEMO',
      `--out: ${folder} is not empty and was not created by a demo; choose a new folder or remove it`,
    );
  }
  // The marker comes first and stays: an interrupted demo can be started again.
  await writeFile(join(folder, MARKER), MARKER_TEXT);
  for (const name of names) if (name !== MARKER) await rm(join(folder, name), { recursive: true, force: true });
}
