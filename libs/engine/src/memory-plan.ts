import { elementCount } from '@alphapo/base';
import {
  type ComputeSettings,
  type ExecutionProvider,
  needsReference,
  type RunSpecification,
} from '@alphapo/contracts';
import { type Graph, peakBytes, type Value } from '@alphapo/graph';
import type { ModelDefinition } from '@alphapo/models';
import { attentionBlocks, keyCount, queryCount } from './attention-blocks.ts';
import type { LogitLayout } from './head.ts';
import { trainableParameters, type WeightSource } from './model-graph.ts';
import { batchFeeds, batchPairsFeed, pairFeeds, referenceFeeds, weightFeed } from './objective-feeds.ts';
import { groupRows, logitLayout, packRows } from './pack.ts';
import { gradientProgram, type Program, scoringProgram } from './program.ts';
import { programStyle } from './program-style.ts';
import { type Row, responseTokens, rowTokens } from './row.ts';
import type { Feeds } from './session.ts';

/** Bytes that training takes at its peak, by what takes them. */
export interface MemoryPlan {
  /** Frozen weights as they lie in their files. */
  readonly frozenBytes: number;
  /** Copies of frozen weights: in float32 where they are stored narrower, and packed for products. */
  readonly copiedBytes: number;
  /** Trained weights, their gradients, and AdamW's moments. */
  readonly trainedBytes: number;
  /** Activations of the largest pack, at their peak. */
  readonly activationBytes: number;
  /** The program and its libraries. */
  readonly restBytes: number;
  readonly totalBytes: number;
}

/** Node.js, ONNX Runtime and gRPC before a model is opened. */
const REST_BYTES = 240 * 2 ** 20;
/**
 * Sets of float32 tensors of the trained parameters: weights, their copy to compute with, a pack's gradient, the sum over
 * packs, the sum over shards, and two moments.
 */
const TRAINED_COPIES = 7;
/** ONNX Runtime's arena grows in steps and cannot fill every gap: measured at up to a third more than what is in use. */
const ARENA_FACTOR = 1.35;

type Planned = Pick<RunSpecification, 'objective' | 'method' | 'lengths' | 'dtype' | 'compute'> & {
  readonly device: ExecutionProvider;
};

/**
 * Predicts the peak memory of training in one process, from the graphs themselves: the values that are alive at each of
 * their nodes, for the largest of the packs that rows make. Without rows, for the longest rows that the lengths allow.
 * Each graph has a session with memory of its own: for gradients, for the reference where there is one, and both again
 * where some packs have their logits whole and others in chunks.
 */
export function planMemory(model: WeightSource, run: Planned, rows?: readonly Row[]): MemoryPlan {
  const { definition } = model;
  const packs = groupRows(rows ?? longestRows(run), definition, run.compute.packTokens);
  const byLayout = Map.groupBy(packs, (pack) => logitLayout(pack, definition));
  const sessions = [...byLayout].flatMap(([logits, some]) => sessionsOf(model, run, logits, largestPacks(some)));
  const sum = (of: (session: SessionMemory) => number) => sessions.reduce((total, session) => total + of(session), 0);
  const trained = trainableParameters(definition, run.method);
  const parts = {
    frozenBytes: Math.max(...sessions.map((session) => session.frozenBytes)),
    copiedBytes: sum((session) => session.copiedBytes),
    trainedBytes: TRAINED_COPIES * 4 * trained.reduce((total, { shape }) => total + elementCount(shape), 0),
    activationBytes: sum((session) => session.activationBytes),
    restBytes: REST_BYTES,
  };
  return { ...parts, totalBytes: Object.values(parts).reduce((total, bytes) => total + bytes, 0) };
}

type SessionMemory = Pick<MemoryPlan, 'frozenBytes' | 'copiedBytes' | 'activationBytes'>;

/** The sessions that packs of one layout of logits need. */
function sessionsOf(
  model: WeightSource,
  run: Planned,
  logits: LogitLayout,
  packs: readonly (readonly Row[])[],
): SessionMemory[] {
  const style = { ...programStyle(run.device, run.dtype), logits };
  const { activations, weights } = run.compute;
  const memoryOf = ({ graph, windows }: Program, packed: ComputeSettings['weights']): SessionMemory => {
    const peaks = packs.map((rows) =>
      peakBytes(graph, extentsOf(graph, feedsOf(rows, model.definition, run, windows), rows, windows)),
    );
    return { ...weightBytes(graph, packed), activationBytes: ARENA_FACTOR * Math.max(...peaks) };
  };
  const gradient = gradientProgram(model, run.method, run.objective, { ...style, activations });
  const reference = needsReference(run.objective) ? [scoringProgram(model, undefined, style)] : [];
  return [memoryOf(gradient, weights), ...reference.map((program) => memoryOf(program, 'in-place'))];
}

/** Weights that a graph takes from files, and the copies of them: a packed one for each product outside of loops. */
function weightBytes(graph: Graph, weights: ComputeSettings['weights']): { frozenBytes: number; copiedBytes: number } {
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

/** The longest pairs that the limits allow: a prompt of one token and two responses, as many as a pack may hold. */
function longestRows({ lengths, compute }: Planned): Row[] {
  const response = new Array<number>(lengths.maxLength - 1).fill(0);
  const row: Row = { prompt: [0], responses: [response, response] };
  const count = Math.max(1, Math.floor(compute.packTokens / rowTokens(row)));
  return new Array<Row>(count).fill(row);
}

/** The pack with most tokens, and the one with most tokens of responses: either may take most memory. */
function largestPacks(packs: readonly (readonly Row[])[]): (readonly Row[])[] {
  const most = (of: (row: Row) => number) => {
    const size = (pack: readonly Row[]) => pack.reduce((sum, row) => sum + of(row), 0);
    return packs.reduce((best, pack) => (size(pack) > size(best) ? pack : best));
  };
  return [...new Set([most(rowTokens), most(responseTokens)])];
}

function feedsOf(
  rows: readonly Row[],
  definition: ModelDefinition,
  { objective }: Planned,
  windows: readonly (number | undefined)[],
): Feeds {
  const pack = packRows(rows, definition, windows);
  const batch = { batchPairs: rows.length, batchChosenTokens: rows.length };
  const zeros = rows.map(() => 0);
  return {
    ...pack.feeds,
    ...pairFeeds(pack),
    ...weightFeed(rows.map(() => ({}))),
    ...batchPairsFeed(batch),
    ...batchFeeds(objective, batch),
    ...(needsReference(objective) ? referenceFeeds({ chosen: zeros, rejected: zeros }) : {}),
  };
}

/** The extents of named dimensions: from the graph's inputs, and from the attention blocks. */
function extentsOf(
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

/** A model's weights as they would lie in files, for plans without them. */
export function plannedWeights(definition: ModelDefinition, type: 'f32' | 'bf16' | 'f16'): WeightSource {
  const shapes = new Map(definition.parameters.map(({ name, shape }) => [name, shape]));
  return {
    definition,
    addWeight(graph: Graph, name) {
      const shape = shapes.get(name) ?? [];
      const byteLength = (type === 'f32' ? 4 : 2) * elementCount(shape);
      return graph.weight(name, type, shape, { location: 'model.safetensors', byteOffset: 0, byteLength });
    },
  };
}
