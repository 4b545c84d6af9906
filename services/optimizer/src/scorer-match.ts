import { AlphapoError } from '@alphapo/base';
import type { Computation, DescribeScorerResponse } from '@alphapo/contracts';
import { ENGINE_REVISION } from '@alphapo/engine';
import type { Run } from './run.ts';

/** What a scorer says of how it computes, as far as it decides bits. Which of several equal devices it has does not. */
export function computationOf(description: DescribeScorerResponse): Computation {
  const { executionProvider, dtype, threads, engineRevision, runtime } = description;
  const [device = ''] = executionProvider.split(':');
  return { device, dtype: dtype as Computation['dtype'], threads, engineRevision, runtime };
}

/** What to do about a scorer that differs in a field. */
const REMEDY: Readonly<Record<keyof Computation, string>> = {
  device: 'start it with the same --device',
  dtype: "start it with the run's --dtype",
  threads: 'start it with the same --threads',
  engineRevision: 'deploy the same release',
  runtime: 'deploy the same release on the same platform',
};

/**
 * Checks that a scorer computes what the run needs, with the bits of its other scorers. `computation`: what the run's steps
 * were computed with; undefined where none was. Errors: SCORER_MISMATCH with the field, both values and what to do.
 */
export function checkScorer(
  address: string,
  description: DescribeScorerResponse,
  { run, computation }: { readonly run: Run; readonly computation: Computation | undefined },
): void {
  const differs = (field: string, found: string | number, wanted: string | number, remedy: string) => {
    if (found === wanted) return;
    throw new AlphapoError(
      'failed-precondition',
      'SCORER_MISMATCH',
      `scorer ${address} has ${field} ${found}, but the run has ${wanted}: ${remedy}`,
      { metadata: { scorer: address, field } },
    );
  };
  const folder = 'give optimizer and scorers the same model folders';
  differs('model', description.modelDigest, run.modelDigest, folder);
  if (run.referenceDigest !== undefined) {
    differs('reference model', description.referenceModelDigest, run.referenceDigest, folder);
  }
  const found = computationOf(description);
  differs('dtype', found.dtype, run.specification.dtype, REMEDY.dtype);
  differs('engineRevision', found.engineRevision, ENGINE_REVISION, REMEDY.engineRevision);
  if (computation === undefined) return;
  for (const field of Object.keys(REMEDY) as (keyof Computation)[]) {
    differs(field, found[field], computation[field], REMEDY[field]);
  }
}

/** Refuses to go on with a run that another revision of the engine began. Errors: ENGINE_REVISION. */
export function checkRevision(run: Run, computation: Computation | undefined): void {
  if (computation === undefined || computation.engineRevision === ENGINE_REVISION) return;
  throw new AlphapoError(
    'failed-precondition',
    'ENGINE_REVISION',
    `run ${run.id} was computed with engine revision ${computation.engineRevision}, this release has ${ENGINE_REVISION}, whose bits differ: go on with the release that began the run, or start a new run`,
  );
}
