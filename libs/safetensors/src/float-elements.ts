import { AlphapoError, type DataType } from '@alphapo/base';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half-precision.ts';

/** The data types whose elements are floating point numbers. */
export type FloatDataType = Extract<DataType, 'f64' | 'f32' | 'f16' | 'bf16'>;

/** Floats as the elements of a floating data type, rounded to nearest even; the input itself for f32. */
export function encodeFloats(dtype: FloatDataType, values: Float32Array): Float64Array | Float32Array | Uint16Array {
  switch (dtype) {
    case 'f64':
      return Float64Array.from(values);
    case 'f32':
      return values;
    case 'f16':
      return float32ToFloat16(values);
    case 'bf16':
      return float32ToBfloat16(values);
  }
}

/**
 * Little-endian elements of a floating type as float32, written into `target` from `at` on; f64 is rounded. `bytes`
 * must hold whole elements. Throws NOT_A_FLOAT_TENSOR for integers and booleans; `place` names file and tensor.
 */
export function decodeFloats(
  dtype: DataType,
  bytes: Uint8Array,
  target: Float32Array,
  at: number,
  place: string,
): void {
  const { buffer, byteOffset, byteLength } = bytes;
  if (dtype === 'f64') {
    target.set(new Float64Array(buffer, byteOffset, byteLength / 8), at);
  } else if (dtype === 'f32') {
    target.set(new Float32Array(buffer, byteOffset, byteLength / 4), at);
  } else if (dtype === 'f16') {
    float16ToFloat32(new Uint16Array(buffer, byteOffset, byteLength / 2), target, at);
  } else if (dtype === 'bf16') {
    bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, byteLength / 2), target, at);
  } else {
    throw new AlphapoError(
      'invalid-argument',
      'NOT_A_FLOAT_TENSOR',
      `${place} has dtype ${dtype}, not floating-point numbers; read its bytes instead`,
    );
  }
}
