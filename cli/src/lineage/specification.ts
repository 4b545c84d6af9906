import { CheckpointStore } from '@alphapo/checkpoints';
import type { RunSpecification } from '@alphapo/contracts';
import type { RunLedger } from './verify.ts';

/** The specification of a run, as its newest checkpoint has it; undefined where there is none. */
export async function checkpointedSpecification({
  checkpointFolder,
}: RunLedger): Promise<RunSpecification | undefined> {
  if (checkpointFolder === undefined) return undefined;
  return (await new CheckpointStore(checkpointFolder).newestFacts())?.specification;
}
