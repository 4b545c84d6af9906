import { AlphapoError } from './errors.ts';

/** The data types that weights, activations and gradients travel in; names as safetensors spells them, lower case. */
export type DataType = 'f64' | 'f32' | 'f16' | 'bf16' | 'i64' | 'i32' | 'i16' | 'i8' | 'u8' | 'bool';

export const BYTES_PER_ELEMENT: Readonly<Record<DataType, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
};

/** A dense row-major float32 tensor in memory. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Named float32 tensors in a fixed order: the trainable parameters, their gradients or their moments. */
export type FloatTensors = ReadonlyMap<string, FloatTensor>;

/** The number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** A float32 tensor; throws when the shape does not match the data. */
export function floatTensor(shape: readonly number[], data?: Float32Array): FloatTensor {
  const count = elementCount(shape);
  if (data !== undefined && data.length !== count) {
    throw new AlphapoError(
      'invalid-argument',
      'TENSOR_SHAPE_MISMATCH',
      `a tensor of shape [${shape.join(', ')}] has ${count} elements, but ${data.length} were given`,
    );
  }
  return { shape, data: data ?? new Float32Array(count) };
}
