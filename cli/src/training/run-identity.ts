import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, messageOf } from '@alphapo/base';
import { executionProviderSchema, runSpecificationSchema } from '@alphapo/contracts';
import { z } from 'zod';

/** The options and settings that the user gave, and the folder that their relative paths refer to. */
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

/** The file of a run's folder that holds its identity. */
export const RUN_FILE = 'run.json';

/** The run in a folder; undefined where there is none. Errors: RUN_FILE_INVALID. */
export async function runIdentityOf(folder: string): Promise<RunIdentity | undefined> {
  const file = join(folder, RUN_FILE);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return runIdentitySchema.parse(JSON.parse(text));
  } catch (error) {
    throw new AlphapoError(
      'failed-precondition',
      'RUN_FILE_INVALID',
      `${file} does not describe a run of this version: ${messageOf(error)}; use a new folder`,
      { cause: error },
    );
  }
}
