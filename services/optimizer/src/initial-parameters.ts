import { AlphapoError, type FloatTensor, type FloatTensors, floatTensor, sameShape } from '@alphapo/base';
import { readAdapter } from '@alphapo/checkpoints';
import type { RunSpecification } from '@alphapo/contracts';
import { type ModelFolder, trainableParameters } from '@alphapo/engine';
import { freshLora } from '@alphapo/models';

/**
 * The trainable tensors before the first step: all weights of the model; or the factors of a given PEFT adapter; or
 * fresh ones, drawn from the specification's seed. Errors: ADAPTER_MISMATCH where a given adapter does not fit.
 */
export async function initialParameters(
  folder: ModelFolder,
  { method, seed }: RunSpecification,
  initialAdapter: string | undefined,
): Promise<FloatTensors> {
  if (method.kind === 'full') {
    const tensors = new Map<string, FloatTensor>();
    for (const { name, shape } of folder.definition.parameters) {
      tensors.set(name, floatTensor(shape, await folder.read(name)));
    }
    return tensors;
  }
  if (initialAdapter === undefined) return freshLora(folder.definition, method, seed);
  const adapter = await readAdapter(initialAdapter);
  const mismatch = (problem: string) =>
    new AlphapoError('failed-precondition', 'ADAPTER_MISMATCH', `the adapter ${initialAdapter} ${problem}`);
  if (adapter.rank !== method.rank || adapter.alpha !== method.alpha) {
    throw mismatch(
      `has rank ${adapter.rank} and alpha ${adapter.alpha}, but the run has ${method.rank} and ${method.alpha}; use the adapter's`,
    );
  }
  const tensors = new Map<string, FloatTensor>();
  for (const { name, shape } of trainableParameters(folder.definition, method)) {
    const tensor = adapter.tensors.get(name);
    if (tensor === undefined) throw mismatch(`lacks ${name}; set the LoRA targets that it was trained with`);
    if (!sameShape(tensor.shape, shape)) throw mismatch(`has ${name} as [${tensor.shape}]; the model needs [${shape}]`);
    tensors.set(name, tensor);
  }
  const unused = [...adapter.tensors.keys()].find((name) => !tensors.has(name));
  if (unused !== undefined) throw mismatch(`has ${unused}, which the run does not train`);
  return tensors;
}
