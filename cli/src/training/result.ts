import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readPolicyFacts, type WrittenModel } from '@alphapo/checkpoints';
import { BEST_EXPORT, type OutsideFacts, type RunningOptimizer } from '@alphapo/optimizer';

/** The policy that a run ends with, in its folder. */
interface Result {
  readonly step: number;
  readonly policyDigest: string;
  readonly weights: WrittenModel | undefined;
}

/**
 * Makes the export of the best policy the result; where that was done before, nothing is left to do. Undefined: there is none from before
 * the collapse, as evaluations then did not export any.
 */
export async function takeBest(
  { evaluations }: RunningOptimizer,
  result: string,
  { folder, runId, before }: { readonly folder: string; readonly runId: string; readonly before: number },
): Promise<Result | undefined> {
  const best = join(folder, BEST_EXPORT);
  const [there, taken] = [await readPolicyFacts(best), await readPolicyFacts(result)];
  const facts = [there, taken].find((found) => found?.runId === runId && found.step < before);
  if (facts === undefined) return undefined;
  if (facts === there) {
    await rm(result, { recursive: true, force: true });
    await rename(best, result);
  }
  return { step: facts.step, policyDigest: facts.digests.policy, weights: evaluations?.best?.weights };
}

/** Makes the last policy the result. */
export async function exportLast(
  { trainer, exporter }: RunningOptimizer,
  result: string,
  facts: OutsideFacts,
): Promise<Result> {
  await rm(result, { recursive: true, force: true });
  using policy = await trainer.readPolicy();
  const { weights } = await exporter.export(policy, basename(result), facts);
  return { step: policy.step, policyDigest: policy.digest, weights };
}
