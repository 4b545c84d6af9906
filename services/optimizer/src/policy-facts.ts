import type { PolicyFacts } from '@alphapo/checkpoints';
import { runSpecificationDigest } from '@alphapo/contracts';
import type { BatchDigests } from './batch-agreement.ts';
import type { TakenStep } from './published-steps.ts';
import type { Run } from './run.ts';

/** What the optimizer knows of the policy after a step, besides what its base model is called. */
export function policyFacts(known: {
  readonly run: Run;
  readonly step: number;
  readonly digest: string;
  /** All of the run so far. */
  readonly steps: readonly TakenStep[];
  /** Undefined before the first batch. */
  readonly batches: BatchDigests | undefined;
}): Omit<PolicyFacts, 'baseModel'> {
  const { run, step, digest, steps, batches } = known;
  return {
    runId: run.id,
    step,
    pairsTaken: steps.slice(0, step).reduce((sum, { pairs }) => sum + pairs, 0),
    specification: run.specification,
    digests: {
      policy: digest,
      model: run.modelDigest,
      runSpecification: runSpecificationDigest(run.specification),
      ...batches,
    },
  };
}
