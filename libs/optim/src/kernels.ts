import { createHash } from 'node:crypto';

/** Loops over pieces of arrays: what threads do. Each works on its own elements only, so any split gives the same bits. */

/**
 * The sum of squares of each array. Four running sums, since each addition waits for the one before. Variables one by one:
 * destructuring makes the loop several times slower where the compiler does not see through it.
 */
function sumsOfSquares(arrays: readonly Float32Array[]): number[] {
  return arrays.map(sumOfSquares);
}

function sumOfSquares(data: Float32Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const aligned = data.length - (data.length % 4);
  for (let i = 0; i < aligned; i += 4) {
    const x = data[i] as number;
    const y = data[i + 1] as number;
    const z = data[i + 2] as number;
    const w = data[i + 3] as number;
    a += x * x;
    b += y * y;
    c += z * z;
    d += w * w;
  }
  for (let i = aligned; i < data.length; i++) a += (data[i] as number) ** 2;
  return a + b + (c + d);
}

/** total ← total + part in float32, for each. */
function add(pairs: readonly (readonly [total: Float32Array, part: Float32Array])[]): void {
  for (const [total, part] of pairs) {
    for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (part[i] as number);
  }
}

/** What one update of AdamW multiplies with; see `adamW`. */
interface UpdateFactors {
  readonly decay: number;
  readonly gradientScale: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly stepSize: number;
  readonly rootScale: number;
  readonly epsilon: number;
}

/** A piece of a parameter with the same piece of its gradient and moments. */
export interface UpdatePiece {
  readonly arrays: readonly [p: Float32Array, g: Float32Array, m: Float32Array, v: Float32Array];
  readonly factors: UpdateFactors;
}

/** One update of AdamW for each piece, in place. */
function update(pieces: readonly UpdatePiece[]): void {
  for (const { arrays, factors } of pieces) updateArrays(...arrays, factors);
}

/** No allocation, one square root and one division an element. */
function updateArrays(
  p: Float32Array,
  g: Float32Array,
  m: Float32Array,
  v: Float32Array,
  factors: UpdateFactors,
): void {
  const { decay, gradientScale, beta1, beta2, stepSize, rootScale, epsilon } = factors;
  const gain1 = (1 - beta1) * gradientScale;
  const gain2 = (1 - beta2) * gradientScale * gradientScale;
  for (let i = 0; i < p.length; i++) {
    const gradient = g[i] as number;
    const mean = beta1 * (m[i] as number) + gain1 * gradient;
    const square = beta2 * (v[i] as number) + gain2 * gradient * gradient;
    m[i] = mean;
    v[i] = square;
    p[i] = decay * (p[i] as number) - (stepSize * mean) / (Math.sqrt(square) * rootScale + epsilon);
  }
}

/** SHA-256 of each, in hexadecimal. */
function sha256(pieces: readonly Uint8Array[]): string[] {
  return pieces.map((piece) => createHash('sha256').update(piece).digest('hex'));
}

/** What threads can be asked for, by name: code cannot be sent to them. */
export const KERNELS = { sumsOfSquares, add, update, sha256 } as const;
