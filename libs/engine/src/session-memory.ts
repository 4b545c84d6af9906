import { elementCount } from '@alphapo/base';
import type { ComputeSettings } from '@alphapo/contracts';
import { type Graph, peakBytes, type Value } from '@alphapo/graph';
import { attentionBlocks, keyCount, queryCount } from './attention-blocks.ts';
import type { Row } from './row.ts';
import type { Feeds } from './session.ts';

/** Node.js, ONNX Runtime and gRPC before a model is opened. */
export const REST_BYTES = 240 * 2 ** 20;
/** ONNX Runtime's arena grows in steps and cannot fill every gap: measured at up to a third more than what is in use. */
const ARENA_FACTOR = 1.35;

/** What a session takes, in bytes. */
export interface SessionMemory {
  /** Frozen weights as they lie in their files; sessions of one model share them. */
  readonly frozenBytes: number;
  /** Copies of frozen weights: in float32 where they are stored narrower, and packed for products. */
  readonly copiedBytes: number;
  /** Activations at their peak. */
  readonly activationBytes: number;
}

/** What a graph's session takes, for the largest of several extents of its dimensions. */
export function sessionMemory(
  graph: Graph,
  extents: readonly Readonly<Record<string, number>>[],
  weights: ComputeSettings['weights'],
): SessionMemory {
  const peaks = extents.map((some) => peakBytes(graph, some));
  return { ...weightBytes(graph, weights), activationBytes: ARENA_FACTOR * Math.max(...peaks) };
}

/** Weights that a graph takes from files, and the copies of them: a packed one for each product outside of loops. */
function weightBytes(graph: Graph, weights: ComputeSettings['weights']): Omit<SessionMemory, 'activationBytes'> {
  const float32 = (value: Value) => 4 * elementCount(value.shape as readonly number[]);
  const frozen = new Map(graph.weights.map(({ value, byteLength }) => [value, byteLength]));
  const cast = graph.nodes.flatMap(({ operator, inputs }) => {
    const [weight] = inputs;
    return operator === 'Cast' && weight !== undefined && frozen.has(weight) ? [weight] : [];
  });
  const multiplied = graph.nodes.flatMap(({ operator, inputs }) => {
    const matrix = operator === 'Gemm' ? inputs[1] : undefined;
    const weight = matrix?.node?.operator === 'Cast' ? matrix.node.inputs[0] : matrix;
    return weight !== undefined && frozen.has(weight) ? [weight] : [];
  });
  const copied = [...cast, ...(weights === 'packed' ? multiplied : [])];
  return {
    frozenBytes: [...frozen.values()].reduce((sum, bytes) => sum + bytes, 0),
    copiedBytes: copied.reduce((sum, value) => sum + float32(value), 0),
  };
}

/** The extents of named dimensions: from the graph's inputs, and from the attention blocks. */
export function extentsOf(
  graph: Graph,
  feeds: Feeds,
  rows: readonly Row[],
  windows: readonly (number | undefined)[],
): Record<string, number> {
  const extents: Record<string, number> = {};
  for (const { name, shape } of graph.inputs) {
    shape.forEach((dimension, axis) => {
      const extent = feeds[name]?.shape[axis];
      if (typeof dimension === 'string' && extent !== undefined) {
        extents[dimension] = Math.max(extents[dimension] ?? 0, extent);
      }
    });
  }
  for (const window of windows) {
    const blocks = attentionBlocks(rows, window);
    const [queries, keys] = [Math.max(...blocks.map(queryCount)), Math.max(...blocks.map(keyCount))];
    extents[`Q${window ?? ''}`] = queries;
    extents[`R${window ?? ''}`] = keys;
    extents.queries = Math.max(queries, extents.queries ?? 0);
    for (const name of ['keys', 'prefix', 'own']) extents[name] = Math.max(keys, extents[name] ?? 0);
    const earlier = blocks.map(({ firstPosition }) => firstPosition);
    extents.earlier = Math.max(...earlier, extents.earlier ?? 0);
  }
  return extents;
}
