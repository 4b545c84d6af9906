import type { Gradient } from './differentiate.ts';
import type { Graph } from './value.ts';

/** A session's output, as far as gradients go. */
interface Output {
  readonly data: Float32Array | Float64Array | BigInt64Array;
}

/** Makes a gradient an output of its graph, for tests. */
export function outputGradient(graph: Graph, name: string, { dense, rows }: Gradient): void {
  if (dense !== undefined) graph.output(`gradient:${name}`, dense);
  rows.forEach((part, i) => {
    graph.output(`indices:${name}:${i}`, part.indices);
    graph.output(`rows:${name}:${i}`, part.rows);
  });
}

/** The gradient that `outputGradient` named: its tensor, with its rows added. */
export function readGradient(
  outputs: Readonly<Record<string, Output>>,
  name: string,
  shape: readonly number[],
): Float64Array {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const gradient = Float64Array.from(
    (outputs[`gradient:${name}`]?.data as Float64Array | undefined) ?? new Array<number>(count).fill(0),
  );
  const width = shape[1] ?? 1;
  for (let i = 0; ; i++) {
    const rows = outputs[`rows:${name}:${i}`]?.data as Float64Array | undefined;
    const indices = outputs[`indices:${name}:${i}`]?.data as BigInt64Array | undefined;
    if (rows === undefined || indices === undefined) return gradient;
    rows.forEach((x, k) => {
      const place = Number(indices[Math.floor(k / width)]) * width + (k % width);
      gradient[place] = (gradient[place] as number) + x;
    });
  }
}
