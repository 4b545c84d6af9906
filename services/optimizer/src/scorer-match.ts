import { AlphapoError } from '@alphapo/base';
import {
  type ComputeFingerprint,
  computeFingerprintOf,
  type DescribeScorerResponse,
  type ReportedFingerprint,
} from '@alphapo/contracts';
import { ENGINE_REVISION } from '@alphapo/engine';
import type { Run } from './run.ts';

/** What a scorer must agree with. */
export interface ScorerNeeds {
  readonly run: Run;
  /** What the run's steps were computed with; undefined where none was. */
  readonly computation: ComputeFingerprint | undefined;
}

/** What to do about a scorer that differs in a field. */
const REMEDY: Readonly<Record<keyof ComputeFingerprint, string>> = {
  device: 'start it with the same --device',
  dtype: "start it with the run's --dtype",
  threads: 'start it with the same --threads',
  engineRevision: 'deploy the same release',
  runtime: 'deploy the same release on the same platform',
};

/**
 * Checks that a scorer computes what the run needs, with the bits of its other scorers. Errors: SCORER_MISMATCH with the
 * field, both values and what to do.
 */
export function checkScorer(address: string, description: DescribeScorerResponse, needs: ScorerNeeds): void {
  const { modelDigest, referenceDigest } = needs.run;
  const folder = 'start optimizer and scorers with the same model folders';
  requireSame(address, 'model', { found: description.modelDigest, wanted: modelDigest }, folder);
  if (referenceDigest !== undefined) {
    const digests = { found: description.referenceModelDigest, wanted: referenceDigest };
    requireSame(address, 'reference model', digests, folder);
  }
  checkComputation(address, computeFingerprintOf(description), needs);
}

/**
 * Checks what a gradient was computed with, or will be. Of a scorer that does not say so, the revision of the engine differs
 * first. Errors: SCORER_MISMATCH as above.
 */
export function checkComputation(
  address: string,
  found: ReportedFingerprint | undefined,
  { run, computation }: ScorerNeeds,
): ComputeFingerprint {
  const { dtype } = run.specification;
  const engineRevision = { found: found?.engineRevision ?? 0, wanted: ENGINE_REVISION };
  requireSame(address, 'engineRevision', engineRevision, REMEDY.engineRevision);
  requireSame(address, 'dtype', { found: found?.dtype ?? '', wanted: dtype }, REMEDY.dtype);
  const { device = '', threads = 0, runtime = '' } = found ?? {};
  const checked: ComputeFingerprint = { device, dtype, threads, engineRevision: ENGINE_REVISION, runtime };
  for (const field of Object.keys(REMEDY) as (keyof ComputeFingerprint)[]) {
    const wanted = (computation ?? checked)[field];
    requireSame(address, field, { found: checked[field], wanted }, REMEDY[field]);
  }
  return checked;
}

function requireSame<T extends string | number>(
  address: string,
  field: string,
  { found, wanted }: { readonly found: T; readonly wanted: T },
  remedy: string,
): void {
  if (found === wanted) return;
  throw new AlphapoError(
    'failed-precondition',
    'SCORER_MISMATCH',
    `scorer ${address} has ${field} ${found}, but the run has ${wanted}: ${remedy}`,
    { metadata: { scorer: address, field } },
  );
}

/** Refuses to go on with a run that another revision of the engine began. Errors: ENGINE_REVISION. */
export function checkRevision(run: Run, computation: ComputeFingerprint | undefined): void {
  if (computation === undefined || computation.engineRevision === ENGINE_REVISION) return;
  throw new AlphapoError(
    'failed-precondition',
    'ENGINE_REVISION',
    `run ${run.id} was computed with engine revision ${computation.engineRevision}, this release has ${ENGINE_REVISION}, which computes other bits; continue with the release that started the run, or start a new run`,
  );
}
