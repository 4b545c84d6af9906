import { elementCount, type FloatTensor, floatTensor, seededRandom } from '@alphapo/base';
import type { ModelDefinition } from './definition.ts';

/** Fresh weights of a model, drawn from a seed: normal with the configuration's deviation, norms one, biases zero. */
export function* freshParameters(
  model: ModelDefinition,
  seed: number,
): Generator<{ readonly name: string; readonly tensor: FloatTensor }> {
  const random = seededRandom(seed);
  for (const { name, shape, start } of model.parameters) {
    const data = new Float32Array(elementCount(shape));
    if (start === 'ones') data.fill(1);
    if (start === 'normal') for (let i = 0; i < data.length; i++) data[i] = random.normal() * model.initializerRange;
    yield { name, tensor: floatTensor(shape, data) };
  }
}
