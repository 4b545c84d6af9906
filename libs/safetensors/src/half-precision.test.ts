import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half-precision.ts';

const ALL_BITS = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer);
const half = (value: number) => float32ToFloat16(Float32Array.of(value))[0];
const bfloat = (value: number) => float32ToBfloat16(Float32Array.of(value))[0];
const fromBits = (...bits: number[]) => new Float32Array(Uint32Array.from(bits).buffer);

test('every float16 survives float32 and back, NaNs becoming quiet', () => {
  const back = float32ToFloat16(float16ToFloat32(ALL_BITS));
  // Which NaN it is does not matter.
  const quiet = (bits: number) => ((bits & 0x7fff) > 0x7c00 ? (bits & 0x8000) | 0x7e00 : bits);
  expect(back).toEqual(ALL_BITS.map(quiet));
});

test('every bfloat16 survives float32 and back, NaNs becoming quiet', () => {
  const back = float32ToBfloat16(bfloat16ToFloat32(ALL_BITS));
  const quiet = (bits: number) => ((bits & 0x7fff) > 0x7f80 ? bits | 0x0040 : bits);
  expect(back).toEqual(ALL_BITS.map(quiet));
});

test('float16 values are those of IEEE 754', () => {
  const values = float16ToFloat32(
    Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x03ff, 0x7c00, 0xfc00, 0x8000),
  );
  expect([...values]).toEqual([1, -2, 65504, 2 ** -14, 2 ** -24, 1023 * 2 ** -24, Infinity, -Infinity, -0]);
});

test('float16 rounds as the language does, at and around every boundary between two neighbours', () => {
  const finite = float16ToFloat32(ALL_BITS.subarray(0, 0x7bff));
  for (let bits = 0; bits < finite.length; bits++) {
    const lower = finite[bits] as number;
    const upper = finite[bits + 1] ?? 65504;
    const middle = Math.fround((lower + upper) / 2);
    const [middleBits] = bitsOf(Float32Array.of(middle)) as unknown as [number];
    const around = [...fromBits(middleBits - 1, middleBits, middleBits + 1), -middle];
    if (bits === 0) around.shift();
    expect([...float16ToFloat32(float32ToFloat16(Float32Array.from(around)))]).toEqual(around.map(Math.f16round));
  }
});

test('float16 overflows to infinity from the middle after the largest number on', () => {
  expect(half(65504)).toBe(0x7bff);
  expect(half(65519.99)).toBe(0x7bff);
  expect(half(65520)).toBe(0x7c00);
  expect(half(-1e30)).toBe(0xfc00);
  expect(half(Infinity)).toBe(0x7c00);
});

test('float16 underflows to a signed zero below the middle of the smallest subnormal, ties to even', () => {
  expect(half(2 ** -25)).toBe(0);
  expect(half(-(2 ** -25))).toBe(0x8000);
  expect(half(2 ** -25 * 1.0001)).toBe(1);
  expect(half(3 * 2 ** -25)).toBe(2);
  expect(half(2 ** -149)).toBe(0);
});

test('bfloat16 rounds to nearest, ties to even', () => {
  expect([...float32ToBfloat16(fromBits(0x3f808000, 0x3f808001, 0x3f818000, 0x3f817fff, 0xbf808001))]).toEqual([
    0x3f80, 0x3f81, 0x3f82, 0x3f81, 0xbf81,
  ]);
});

test('bfloat16 keeps infinities, signed zeros and subnormals, and overflows to infinity', () => {
  expect(bfloat(Infinity)).toBe(0x7f80);
  expect(bfloat(-Infinity)).toBe(0xff80);
  expect(bfloat(-0)).toBe(0x8000);
  expect(bfloat(3.4028235e38)).toBe(0x7f80);
  expect([...float32ToBfloat16(fromBits(0x00010000, 0x00008000, 0x00008001))]).toEqual([1, 0, 1]);
});

test('a NaN never rounds into an infinity', () => {
  const nans = fromBits(0x7f800001, 0x7fffffff, 0xff800001, 0x7fc00000);
  expect([...float32ToBfloat16(nans)]).toEqual([0x7fc0, 0x7fff, 0xffc0, 0x7fc0]);
  expect([...float32ToFloat16(nans)]).toEqual([0x7e00, 0x7e00, 0xfe00, 0x7e00]);
});
