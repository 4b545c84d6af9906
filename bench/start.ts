import { type FloatTensors, floatTensor } from '@alphapo/base';
import { readAdapter } from '@alphapo/checkpoints';
import type { TrainingMethod } from '@alphapo/contracts';
import { ModelFolder } from '@alphapo/engine';
import type { Method, Work } from './work.ts';

/** What a method trains on this work, at its start. */
export async function startOf(
  { model, adapter }: Work,
  which: Method,
): Promise<{ tensors: FloatTensors; trained: TrainingMethod }> {
  if (which === 'lora') {
    const { rank, alpha, targets, tensors } = await readAdapter(adapter);
    return { tensors, trained: { kind: 'lora', rank, alpha, targets: [...targets] } };
  }
  const folder = await ModelFolder.open(model);
  const entries = folder.definition.parameters.map(
    async ({ name, shape }) => [name, floatTensor(shape, await folder.read(name))] as const,
  );
  return { tensors: new Map(await Promise.all(entries)), trained: { kind: 'full' } };
}
