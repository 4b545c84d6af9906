import { elementCount, type FloatTensor, type FloatTensors } from '@alphapo/base';

/** Names and shapes of tensors. */
export type TensorShapes = ReadonlyMap<string, Pick<FloatTensor, 'shape'>>;

/** Tensors in memory that all threads see: copies of the given ones. */
export function sharedTensors(tensors: FloatTensors): FloatTensors {
  const shared = sharedZeros(tensors);
  for (const [name, { data }] of tensors) shared.get(name)?.data.set(data);
  return shared;
}

/** Zeros in memory that all threads see, with the names and shapes of the given tensors. */
export function sharedZeros(like: TensorShapes): FloatTensors {
  return new Map(
    [...like].map(([name, { shape }]) => [
      name,
      { shape, data: new Float32Array(new SharedArrayBuffer(4 * elementCount(shape))) },
    ]),
  );
}
