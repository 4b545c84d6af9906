import { policyDigest, readAdapter } from '@alphapo/checkpoints';
import type { Engine, PolicyChoice } from '@alphapo/engine';

/** The policy of a PEFT adapter, loaded into the engine; the base model where no adapter is given. Errors: those of `readAdapter`. */
export async function adapterPolicy(engine: Engine, folder: string | undefined): Promise<PolicyChoice> {
  if (folder === undefined) return { kind: 'base' };
  const { rank, alpha, targets, tensors } = await readAdapter(folder);
  const digest = await policyDigest(tensors);
  await engine.loadPolicy({ digest, method: { kind: 'lora', rank, alpha, targets: [...targets] }, tensors });
  return { kind: 'policy', digest };
}
