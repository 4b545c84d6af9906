import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, canonicalJson, sha256OfAll } from '@alphapo/base';
import { type ComputeSettings, computeSettingsSchema } from '@alphapo/contracts';
import { z } from 'zod';
import type { DataPair } from './dataset.ts';

/** What a run's folder remembers, so that it can be taken up again with the same data and settings only. */
export interface RunIdentity {
  readonly runId: string;
  /** Of the records in the order of training. */
  readonly dataDigest: string;
  /** As it was chosen for the memory that there was when the run began. */
  readonly compute: ComputeSettings;
}

const FILE = 'run.json';

export function dataDigest(pairs: readonly DataPair[], held: readonly DataPair[], shuffle: boolean): string {
  const records = [...pairs, ...held].flatMap(({ bytes }) => [bytes, '\n']);
  return sha256OfAll([canonicalJson({ pairs: pairs.length, shuffle }), '\n', ...records]);
}

/** How the run in a folder computes; undefined where there is none. */
export async function computeOfRun(folder: string): Promise<ComputeSettings | undefined> {
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const known = z.object({ compute: computeSettingsSchema }).safeParse(JSON.parse(text));
  return known.success ? known.data.compute : undefined;
}

/**
 * Makes the folder of a new run, or checks that an old one is of the same run. Errors: RUN_EXISTS where the folder is in
 * use and `resume` was not asked for; OTHER_RUN where it belongs to a run with other settings or data.
 */
export async function claimRunFolder(folder: string, identity: RunIdentity, resume: boolean): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, FILE);
  const known = (await readdir(folder)).includes(FILE)
    ? (JSON.parse(await readFile(file, 'utf8')) as RunIdentity)
    : undefined;
  if (known === undefined) {
    await writeFile(file, `${JSON.stringify(identity, undefined, 2)}\n`);
  } else if (!resume) {
    throw new AlphapoError(
      'already-exists',
      'RUN_EXISTS',
      `${folder} holds a run already: go on with it by --resume, or give another folder with --out`,
    );
  } else if (known.runId !== identity.runId || known.dataDigest !== identity.dataDigest) {
    const what = known.runId === identity.runId ? 'data' : 'model or settings';
    throw new AlphapoError(
      'failed-precondition',
      'OTHER_RUN',
      `${folder} holds a run with other ${what}: resume it with the same command line, or give another folder with --out`,
    );
  }
}
