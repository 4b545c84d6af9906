import { AlphapoError } from '@alphapo/base';
import { type CheckpointFacts, CheckpointStore, policyDigest } from '@alphapo/checkpoints';
import type { TrainingStep } from '@alphapo/contracts';
import type { ProblemList } from './problem.ts';

/** An intact checkpoint, without its tensors. */
export interface CheckpointInFolder extends CheckpointFacts {
  readonly name: string;
  readonly place: string;
}

/**
 * Reads all checkpoints of a folder, one at a time, with the digests of their files and of their weights computed anew.
 * Damaged ones become problems.
 */
export async function readCheckpoints(folder: string, problems: ProblemList): Promise<CheckpointInFolder[]> {
  const store = new CheckpointStore(folder);
  const facts: CheckpointInFolder[] = [];
  for (const { name } of await store.list()) {
    const place = `${folder}/${name}`;
    try {
      const { parameters, m: _m, v: _v, ...rest } = await store.read(name);
      facts.push({ ...rest, name, place });
      const digest = await policyDigest(parameters);
      if (digest === rest.policyDigest) continue;
      problems.add(
        'CHECKPOINT_DIFFERS',
        place,
        `its weights have digest ${digest}, its manifest says ${rest.policyDigest}`,
      );
    } catch (error) {
      if (!(error instanceof AlphapoError)) throw error;
      // A running optimizer removes old ones.
      if (!(await store.list()).some((listed) => listed.name === name)) continue;
      problems.add('CHECKPOINT_DAMAGED', place, error.message);
    }
  }
  return facts;
}

/** What the ledger says that a checkpoint must agree with. */
export interface LedgerFacts {
  readonly runId: string | undefined;
  readonly lastStep: number;
  /** The steps that the checkpoints are of. */
  readonly steps: ReadonlyMap<number, TrainingStep>;
  /** As all batches have them; undefined where there is no batch. */
  readonly digests: Readonly<Record<DigestName, string>> | undefined;
}

export type DigestName = 'run specification' | 'tokenizer' | 'chat template';

/** Compares the checkpoints with the ledger: each must hold the policy that its step published. */
export function compareCheckpoints(
  checkpoints: readonly CheckpointInFolder[],
  ledger: LedgerFacts,
  problems: ProblemList,
): void {
  for (const checkpoint of checkpoints) {
    const differs = (meaning: string) => problems.add('CHECKPOINT_DIFFERS', checkpoint.place, meaning);
    const { step, runId } = checkpoint;
    if (ledger.runId !== undefined && runId !== ledger.runId) {
      differs(`it belongs to run ${runId}, the ledger to run ${ledger.runId}`);
      continue;
    }
    for (const [name, digest] of Object.entries(digestsOf(checkpoint)) as [DigestName, string][]) {
      const expected = ledger.digests?.[name];
      if (digest === '' || expected === undefined || digest === expected) continue;
      differs(`its ${name} has digest ${digest}, that of the batches is ${expected}`);
    }
    const published = ledger.steps.get(step);
    if (published !== undefined) {
      if (published.policyDigest !== checkpoint.policyDigest) {
        differs(`it contains policy ${checkpoint.policyDigest}, but step ${step} published ${published.policyDigest}`);
      }
      const next = BigInt(published.batchOffset) + 1n;
      if (checkpoint.nextBatchOffset !== next) {
        differs(`it continues from batch offset ${checkpoint.nextBatchOffset}, but step ${step} ended before ${next}`);
      }
    } else if (step > ledger.lastStep) {
      differs(`it belongs to step ${step}, but the last published step is ${ledger.lastStep}`);
    }
  }
}

function digestsOf(checkpoint: CheckpointInFolder): Record<DigestName, string> {
  return {
    'run specification': checkpoint.specificationDigest,
    tokenizer: checkpoint.tokenizerDigest,
    'chat template': checkpoint.chatTemplateDigest,
  };
}
