import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Session } from '@alphapo/engine/testing';
import { Graph, gemm } from '@alphapo/graph';
import { python, run } from './peers.ts';

/** Products [m, k] x [k, n]: a large square one, a layer of the benchmark's model, and its head. */
const SIZES = [
  [2048, 2048, 2048],
  [2500, 512, 1408],
  [1000, 512, 32_000],
] as const;
type Size = (typeof SIZES)[number];

const REPEATS = 5;

export type PeakType = 'float32' | 'bfloat16';

/** What the CPU does at best in products of matrices of a type, in GFLOP/s, by library; one that cannot has no entry. */
export type MatrixPeaks = Readonly<Record<PeakType, Readonly<Record<string, number>>>>;

/**
 * Measures both libraries, because either may be twice as fast as the other on some CPU, and the limit is that of the CPU.
 * ONNX Runtime has no product in bfloat16 on a CPU.
 */
export async function matrixPeaks(threads: number): Promise<MatrixPeaks> {
  const script = join(import.meta.dirname, 'matrix-peak.py');
  const pytorch = JSON.parse(run(python(), [script, `${threads}`, JSON.stringify(SIZES)])) as Record<PeakType, number>;
  const speeds: number[] = [];
  for (const size of SIZES) {
    for (const weights of ['packed', 'in-place'] as const) speeds.push(await productSpeed(size, threads, weights));
  }
  return {
    float32: { PyTorch: pytorch.float32, 'ONNX Runtime': Math.max(...speeds) },
    bfloat16: { PyTorch: pytorch.bfloat16 },
  };
}

/** The peak in a type, of whichever library: GFLOP/s. */
export const bestOf = (peaks: MatrixPeaks, type: PeakType): number => Math.max(...Object.values(peaks[type]));

/** Whether the CPU has products in bfloat16. Without them PyTorch is many times slower than in float32, and nobody trains so. */
export const multipliesBfloat16 = (peaks: MatrixPeaks): boolean =>
  bestOf(peaks, 'bfloat16') > bestOf(peaks, 'float32') / 2;

/** Each type's peak, with what each library reaches. */
export function describePeaks(peaks: MatrixPeaks, threads: number): string {
  const types = (['float32', 'bfloat16'] as const).map((type) => {
    const libraries = Object.entries(peaks[type]).map(([name, speed]) => `${name} ${speed.toFixed(0)}`);
    return `${bestOf(peaks, type).toFixed(0)} GFLOP/s in ${type} (${libraries.join(', ')})`;
  });
  return `Matrix peak on ${threads} threads, by the faster library: ${types.join('; ')}. A share is of the peak in the type that a row computes in.`;
}

/** ONNX Runtime's best of some products with a constant matrix, as a linear layer has it: GFLOP/s. */
async function productSpeed([m, k, n]: Size, threads: number, weights: 'packed' | 'in-place'): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-bench-'));
  try {
    const matrix = elements(n * k);
    await writeFile(join(folder, 'weight'), matrix);
    const graph = new Graph();
    const place = { location: 'weight', byteOffset: 0, byteLength: matrix.byteLength };
    const weight = graph.weight('weight', 'f32', [n, k], place);
    graph.output('product', gemm(graph.input('x', 'f32', [m, k]), weight, { transB: true }));
    const options = { executionProvider: 'cpu', threads, weights, weightsFolder: folder } as const;
    await using session = await Session.create(graph, options);
    const x = { type: 'f32', shape: [m, k], data: elements(m * k) } as const;
    let bestMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i <= REPEATS; i++) {
      const started = performance.now();
      await session.run({ x });
      bestMs = Math.min(bestMs, performance.now() - started);
    }
    return (2 * m * k * n) / bestMs / 1e6;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Elements of a matrix. The time of a product does not depend on them. */
const elements = (count: number): Float32Array => new Float32Array(count).map((_, i) => (i % 17) / 17 - 0.5);
