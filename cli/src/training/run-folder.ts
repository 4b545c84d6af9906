import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, canonicalJson, messageOf, sha256OfAll } from '@alphapo/base';
import { executionProviderSchema, runSpecificationSchema } from '@alphapo/contracts';
import { z } from 'zod';
import type { DataPair } from './dataset.ts';

/** The options and settings that a person gave, and the folder where relative paths among them begin. */
const givenCommandSchema = z.object({ from: z.string(), given: z.record(z.string(), z.unknown()) });

export type GivenCommand = z.infer<typeof givenCommandSchema>;

/** What a run's folder remembers, so that it can be taken up again with the same data and settings only, or replayed. */
const runIdentitySchema = z.object({
  runId: z.string(),
  /** Of the records in the order of training. */
  dataDigest: z.string(),
  /** As it was resolved for the data, and the memory that there was, when the run began. */
  specification: runSpecificationSchema,
  /** Folders, from the root of the file system. */
  model: z.string(),
  referenceModel: z.string().optional(),
  initialAdapter: z.string().optional(),
  device: executionProviderSchema,
  /** All cores where absent. */
  threads: z.int().positive().optional(),
  /** What the run was started with, so that `--resume` alone continues it. */
  command: givenCommandSchema.optional(),
});

export type RunIdentity = z.infer<typeof runIdentitySchema>;

const FILE = 'run.json';

export function dataDigest(pairs: readonly DataPair[], held: readonly DataPair[], shuffle: boolean): string {
  const records = [...pairs, ...held].flatMap(({ bytes }) => [bytes, '\n']);
  return sha256OfAll([canonicalJson({ pairs: pairs.length, shuffle }), '\n', ...records]);
}

/** The run in a folder; undefined where there is none. Errors: RUN_FILE_INVALID. */
export async function runIdentityOf(folder: string): Promise<RunIdentity | undefined> {
  const file = join(folder, FILE);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return runIdentitySchema.parse(JSON.parse(text));
  } catch (error) {
    throw new AlphapoError(
      'failed-precondition',
      'RUN_FILE_INVALID',
      `${file} does not describe a run of this version: ${messageOf(error)}; train into a new folder`,
      { cause: error },
    );
  }
}

/**
 * Makes the folder of a new run, or checks that an old one is of the same run. Errors: RUN_EXISTS where the folder is in
 * use and `resume` was not asked for; OTHER_RUN where it belongs to a run with other settings or data.
 */
export async function claimRunFolder(folder: string, identity: RunIdentity, resume: boolean): Promise<void> {
  await mkdir(folder, { recursive: true });
  const known = await runIdentityOf(folder);
  if (known === undefined) {
    await writeFile(join(folder, FILE), `${JSON.stringify(identity, undefined, 2)}\n`);
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
