/**
 * Conversions between float32 and the two 16-bit formats. To 16 bits they round to nearest, ties to even; beyond the largest
 * number they give infinity; a NaN stays one. float16 is JavaScript's own Float16Array; bfloat16 it does not have.
 */

const FLOAT32_MAGNITUDE = 0x7fffffff;
const FLOAT32_INFINITY = 0x7f800000;
const BFLOAT16_QUIET_BIT = 0x0040;

/** float32 to float16 bits, same length. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  return new Uint16Array(new Float16Array(values).buffer);
}

/** float32 to bfloat16 bits, same length: the upper half of the float32, rounded. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const upper = new Uint16Array(values.length);
  for (let i = 0; i < upper.length; i++) {
    const x = bits[i] as number;
    const notANumber = (x & FLOAT32_MAGNITUDE) > FLOAT32_INFINITY;
    upper[i] = notANumber ? (x >>> 16) | BFLOAT16_QUIET_BIT : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return upper;
}

/** float16 bits to float32, exactly. Writes into `target` from `at` on. */
export function float16ToFloat32(
  half: Uint16Array,
  target: Float32Array = new Float32Array(half.length),
  at = 0,
): Float32Array {
  target.set(new Float16Array(half.buffer, half.byteOffset, half.length), at);
  return target;
}

/** bfloat16 bits to float32, exactly. Writes into `target` from `at` on. */
export function bfloat16ToFloat32(
  upper: Uint16Array,
  target: Float32Array = new Float32Array(upper.length),
  at = 0,
): Float32Array {
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < upper.length; i++) bits[at + i] = (upper[i] as number) << 16;
  return target;
}
