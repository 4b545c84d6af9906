import { AlphapoError, canonicalJson, sha256 } from '@alphapo/base';
import { runSpecificationDigest, runSpecificationSchema } from '@alphapo/contracts';
import { parseStrictJson } from '@alphapo/safetensors';
import { z } from 'zod';
import type { Checkpoint } from './checkpoint.ts';

export const MANIFEST_FILE = 'manifest.json';
export const WEIGHTS_FILE = 'weights.safetensors';
export const MOMENTS_FILE = 'moments.safetensors';
/** Raised whenever a reader of the version before would misunderstand a checkpoint. */
const VERSION = 2;
/** Logs count in 64 bits, with a sign. */
const MAX_OFFSET = 2n ** 63n - 1n;

const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const fileSchema = z.strictObject({ size: z.int().nonnegative(), digest: digestSchema });

/** `manifest.json`: all of a checkpoint but its tensors, and what the files with the tensors must be. */
const manifestSchema = z.strictObject({
  version: z.literal(VERSION),
  runId: z.string(),
  step: z.int().nonnegative(),
  nextBatchOffset: z
    .string()
    .regex(/^\d{1,19}$/, { abort: true })
    .refine((digits) => BigInt(digits) <= MAX_OFFSET, 'is no offset'),
  specification: runSpecificationSchema,
  specificationDigest: z.string(),
  modelDigest: z.string(),
  policyDigest: z.string(),
  tokenizerDigest: z.string(),
  chatTemplateDigest: z.string(),
  adamStep: z.int().nonnegative(),
  files: z.strictObject({ [WEIGHTS_FILE]: fileSchema, [MOMENTS_FILE]: fileSchema }),
  /** Of everything above, as canonical JSON: a flipped bit in a number would pass for another number. */
  manifestDigest: digestSchema,
});

export type Manifest = z.infer<typeof manifestSchema>;

/** What is wrong with a checkpoint that can't be used: damaged on disk, or not written by this software. */
export function damaged(place: string, what: string, cause?: unknown): AlphapoError {
  return new AlphapoError(
    'data-loss',
    'CHECKPOINT_DAMAGED',
    `${place}: ${what}; remove the checkpoint; the run continues from an older one or from the ledger`,
    { cause },
  );
}

/** The manifest of a checkpoint about to be written. Throws INVALID_CHECKPOINT where it would not be read back. */
export function describeCheckpoint(checkpoint: Checkpoint, files: Manifest['files']): Manifest {
  const { parameters: _parameters, m: _m, v: _v, nextBatchOffset, ...facts } = checkpoint;
  const described = { version: VERSION, ...facts, nextBatchOffset: String(nextBatchOffset), files };
  const manifest = manifestSchema.safeParse({ ...described, manifestDigest: sha256(canonicalJson(described)) });
  const issue = manifest.success ? specificationIssue(manifest.data) : z.prettifyError(manifest.error);
  if (issue !== undefined || !manifest.success) {
    throw new AlphapoError('invalid-argument', 'INVALID_CHECKPOINT', `checkpoint of step ${checkpoint.step}: ${issue}`);
  }
  return manifest.data;
}

/** Throws CHECKPOINT_VERSION for a manifest of another version, CHECKPOINT_DAMAGED for anything else. */
export function parseManifest(bytes: Uint8Array, place: string): Manifest {
  const json = parseJson(bytes, place);
  if (typeof json.version === 'number' && json.version !== VERSION) {
    throw new AlphapoError(
      'failed-precondition',
      'CHECKPOINT_VERSION',
      `${place} has version ${json.version}, but this release reads version ${VERSION}; use the release that wrote it, or another checkpoint folder`,
      { metadata: { version: String(json.version) } },
    );
  }
  const manifest = manifestSchema.safeParse(json);
  if (!manifest.success) throw damaged(place, z.prettifyError(manifest.error));
  const { manifestDigest, ...described } = json;
  const digest = sha256(canonicalJson(described));
  if (digest !== manifestDigest) throw damaged(place, `its digest is ${digest}, not ${manifestDigest} as it says`);
  const issue = specificationIssue(manifest.data);
  if (issue !== undefined) throw damaged(place, issue);
  return manifest.data;
}

function parseJson(bytes: Uint8Array, place: string): Record<string, unknown> {
  try {
    return parseStrictJson(bytes, place);
  } catch (cause) {
    throw damaged(place, 'the manifest is not a JSON object', cause);
  }
}

function specificationIssue({ specification, specificationDigest }: Manifest): string | undefined {
  const digest = runSpecificationDigest(specification);
  return digest === specificationDigest
    ? undefined
    : `the specification's digest is ${digest}, not ${specificationDigest} as specificationDigest says`;
}
