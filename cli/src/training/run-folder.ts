import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, canonicalJson, sha256OfAll } from '@alphapo/base';
import type { DataPair } from './dataset.ts';
import { RUN_FILE, type RunIdentity, runIdentityOf } from './run-identity.ts';

export function dataDigest(pairs: readonly DataPair[], held: readonly DataPair[], shuffle: boolean): string {
  const records = [...pairs, ...held].flatMap(({ bytes }) => [bytes, '\n']);
  return sha256OfAll([canonicalJson({ pairs: pairs.length, shuffle }), '\n', ...records]);
}

/**
 * Makes the folder of a new run, or checks that an old one is of the same run. Errors: RUN_EXISTS where the folder is in
 * use and `resume` was not asked for; OTHER_RUN where it belongs to a run with other settings or data.
 */
export async function claimRunFolder(folder: string, identity: RunIdentity, resume: boolean): Promise<void> {
  await mkdir(folder, { recursive: true });
  const known = await runIdentityOf(folder);
  if (known === undefined) {
    await writeFile(join(folder, RUN_FILE), `${JSON.stringify(identity, undefined, 2)}\n`);
  } else if (!resume) {
    throw new AlphapoError(
      'already-exists',
      'RUN_EXISTS',
      `${folder} already has a run; continue it with --resume, or choose another --out`,
    );
  } else if (known.runId !== identity.runId || known.dataDigest !== identity.dataDigest) {
    const what = known.runId === identity.runId ? 'data' : 'model or settings';
    throw new AlphapoError(
      'failed-precondition',
      'OTHER_RUN',
      `${folder} has a run with different ${what}; resume it with the same command line, or choose another --out`,
    );
  }
}
