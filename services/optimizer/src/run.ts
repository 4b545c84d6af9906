import { AlphapoError, sha256 } from '@alphapo/base';
import { needsReference, type RunSpecification, runSpecificationDigest } from '@alphapo/contracts';
import { type ModelFolder, openReference } from '@alphapo/engine';

/** What a run is, besides its batches. */
export interface Run {
  /** The same specification on the same model, compared with the same reference, is the same run. */
  readonly id: string;
  readonly specification: RunSpecification;
  readonly modelDigest: string;
  /** Of the model that the objective compares with, given or the model itself; undefined where it compares with none. */
  readonly referenceDigest: string | undefined;
}

/**
 * The run of a specification on a model. Errors: NO_REFERENCE where a reference is given to an objective without one,
 * REFERENCE_TOO_SHORT, and those of `openReference`.
 */
export async function identifyRun(
  specification: RunSpecification,
  model: ModelFolder,
  referenceFolder: string | undefined,
): Promise<Run> {
  const referenceDigest = await digestOfReference(specification, model, referenceFolder);
  const other = referenceDigest === undefined || referenceDigest === model.digest ? [] : [referenceDigest];
  const digest = sha256(runSpecificationDigest(specification), model.digest, ...other);
  const id = digest.slice('sha256:'.length, 'sha256:'.length + 16);
  return { id, specification, modelDigest: model.digest, referenceDigest };
}

async function digestOfReference(
  { objective, lengths }: RunSpecification,
  model: ModelFolder,
  folder: string | undefined,
): Promise<string | undefined> {
  if (!needsReference(objective)) {
    if (folder === undefined) return undefined;
    throw new AlphapoError(
      'invalid-argument',
      'NO_REFERENCE',
      `reference-model: the objective ${objective.kind} of this run has no reference; remove it`,
      { metadata: { setting: 'reference-model' } },
    );
  }
  const reference = await openReference(model, folder);
  const { maxPositions } = reference.definition;
  if (maxPositions < lengths.maxLength) {
    throw new AlphapoError(
      'failed-precondition',
      'REFERENCE_TOO_SHORT',
      `reference-model: ${folder} has ${maxPositions} positions, less than max-length ${lengths.maxLength}; lower max-length`,
      { metadata: { setting: 'reference-model' } },
    );
  }
  return reference.digest;
}
