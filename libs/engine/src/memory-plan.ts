import { elementCount } from '@alphapo/base';
import {
  type ComputeSettings,
  type ExecutionProvider,
  needsReference,
  type RunSpecification,
} from '@alphapo/contracts';
import type { Graph } from '@alphapo/graph';
import type { ModelDefinition } from '@alphapo/models';
import { type PlannedGeneration, planGeneration } from './generation/generation-memory.ts';
import type { LogitLayout } from './head.ts';
import { trainableParameters, type WeightSource } from './model-graph.ts';
import { batchFeeds, batchPairsFeed, pairFeeds, referenceFeeds, weightFeed } from './objective-feeds.ts';
import { groupRows, logitLayout, packRows } from './pack.ts';
import { gradientProgram, type Program, scoringProgram } from './program.ts';
import { programStyle } from './program-style.ts';
import { type Row, responseTokens, rowTokens } from './row.ts';
import type { Feeds } from './session.ts';
import { extentsOf, REST_BYTES, type SessionMemory, sessionMemory } from './session-memory.ts';

/** Bytes that training takes at its peak, by what takes them. */
export interface MemoryPlan {
  /** Frozen weights as they lie in their files. */
  readonly frozenBytes: number;
  readonly copiedBytes: number;
  /** Trained weights, their gradients, and AdamW's moments. */
  readonly trainedBytes: number;
  /** Activations of the largest pack, at their peak. */
  readonly activationBytes: number;
  /** Sessions and key-value cache of answering evaluation prompts; 0 where there are none. */
  readonly answerBytes: number;
  /** The program and its libraries. */
  readonly restBytes: number;
  readonly totalBytes: number;
}

/**
 * Sets of float32 tensors of the trained parameters: weights, their copy to compute with, a pack's gradient, the sum over
 * packs, the sum over shards, and two moments.
 */
const TRAINED_COPIES = 7;

type Planned = Pick<RunSpecification, 'objective' | 'method' | 'lengths' | 'dtype' | 'compute'> & {
  readonly device: ExecutionProvider;
  /** Prompts that the policy answers between steps, in the same process. */
  readonly answers?: Pick<PlannedGeneration, 'sequences' | 'promptTokens' | 'maxTokens'> | undefined;
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
    answerBytes: answerBytes(model, run),
    restBytes: REST_BYTES,
  };
  return { ...parts, totalBytes: Object.values(parts).reduce((total, bytes) => total + bytes, 0) };
}

/** What answering takes beside training: the frozen weights in their files are shared. */
function answerBytes(model: WeightSource, { answers, device, dtype, method }: Planned): number {
  if (answers === undefined) return 0;
  const { copiedBytes, activationBytes, cacheBytes } = planGeneration(model, { ...answers, device, dtype, method });
  return copiedBytes + activationBytes + cacheBytes;
}

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
    const extents = packs.map((rows) => extentsOf(graph, feedsOf(rows, model.definition, run, windows), rows, windows));
    return sessionMemory(graph, extents, packed);
  };
  const gradient = gradientProgram(model, run.method, run.objective, { ...style, activations });
  const reference = needsReference(run.objective) ? [scoringProgram(model, undefined, style)] : [];
  return [memoryOf(gradient, weights), ...reference.map((program) => memoryOf(program, 'in-place'))];
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
