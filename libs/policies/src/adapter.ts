import { policyDigest, readAdapter } from '@alphapo/checkpoints';
import type { Engine, PolicyChoice } from '@alphapo/engine';

/** Loads a PEFT adapter into the engine as a policy. Errors: those of `readAdapter` and `Engine.loadPolicy`. */
export async function loadAdapter(engine: Engine, folder: string): Promise<PolicyChoice & { readonly kind: 'policy' }> {
  const { rank, alpha, targets, tensors } = await readAdapter(folder);
  const digest = await policyDigest(tensors);
  await engine.loadPolicy({ digest, method: { kind: 'lora', rank, alpha, targets: [...targets] }, tensors });
  return { kind: 'policy', digest };
}
