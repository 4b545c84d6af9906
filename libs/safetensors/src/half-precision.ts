/**
 * Conversions between float32 and the two 16-bit formats, bit by bit, so that they are the same on every machine.
 * To 16 bits they round to nearest, ties to even; beyond the largest number they give infinity; a NaN keeps its sign
 * and the upper bits of its payload, and becomes quiet.
 */

const FLOAT32_MAGNITUDE = 0x7fffffff;
const FLOAT32_INFINITY = 0x7f800000;
const HALF_INFINITY = 0x7c00;
const HALF_QUIET_BIT = 0x0200;
const BFLOAT16_QUIET_BIT = 0x0040;
/** Float32 exponents are biased by 127, float16's by 15, and there are 23 against 10 fraction bits. */
const EXPONENT_SHIFT = (127 - 15) << 23;
const FRACTION_SHIFT = 13;
/** 65520: halfway between float16's largest number and the one that would follow, which rounds to even: infinity. */
const HALF_OVERFLOW = 0x477ff000;
/** 2^-14: the smallest normal float16. */
const HALF_SMALLEST_NORMAL = 0x38800000;
/** The smallest subnormal float16 is 2^-24; adding 2^-1 as float32 leaves exactly its multiples, rounded to even. */
const SUBNORMAL_ROUNDER = 0.5;
const SUBNORMAL_ROUNDER_BITS = 0x3f000000;

/** float32 to float16 bits, same length. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const half = new Uint16Array(values.length);
  const scratch = new Float32Array(1);
  const scratchBits = new Uint32Array(scratch.buffer);
  for (let i = 0; i < half.length; i++) {
    const x = bits[i] as number;
    const sign = (x >>> 16) & 0x8000;
    const magnitude = x & FLOAT32_MAGNITUDE;
    if (magnitude > FLOAT32_INFINITY) {
      half[i] = sign | HALF_INFINITY | HALF_QUIET_BIT | ((magnitude >>> FRACTION_SHIFT) & 0x3ff);
    } else if (magnitude >= HALF_OVERFLOW) {
      half[i] = sign | HALF_INFINITY;
    } else if (magnitude >= HALF_SMALLEST_NORMAL) {
      const tieToEven = (magnitude >>> FRACTION_SHIFT) & 1;
      half[i] = sign | ((magnitude - EXPONENT_SHIFT + 0xfff + tieToEven) >>> FRACTION_SHIFT);
    } else {
      scratchBits[0] = magnitude;
      scratch[0] = (scratch[0] as number) + SUBNORMAL_ROUNDER;
      half[i] = sign | ((scratchBits[0] as number) - SUBNORMAL_ROUNDER_BITS);
    }
  }
  return half;
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
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < half.length; i++) {
    const h = half[i] as number;
    const sign = (h & 0x8000) << 16;
    const magnitude = h & 0x7fff;
    if (magnitude >= HALF_INFINITY) {
      bits[at + i] = sign | FLOAT32_INFINITY | ((magnitude & 0x3ff) << FRACTION_SHIFT);
    } else if (magnitude >= 0x0400) {
      bits[at + i] = sign | ((magnitude << FRACTION_SHIFT) + EXPONENT_SHIFT);
    } else {
      target[at + i] = magnitude * 2 ** -24;
      bits[at + i] = (bits[at + i] as number) | sign;
    }
  }
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
