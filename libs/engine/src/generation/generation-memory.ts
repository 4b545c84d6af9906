import { DEFAULT_PACK_TOKENS, type Dtype, type ExecutionProvider, type TrainingMethod } from '@alphapo/contracts';
import type { WeightSource } from '../model-graph.ts';
import { tokenFeeds } from '../pack.ts';
import { programStyle } from '../program-style.ts';
import { extentsOf, REST_BYTES, type SessionMemory, sessionMemory } from '../session-memory.ts';
import { bytesPerPosition, capacityFor } from './key-value-cache.ts';
import { decodeProgram, prefillProgram } from './programs.ts';

/** Bytes that continuing prompts takes at its peak, by what takes them. */
export interface GenerationPlan extends SessionMemory {
  /** Keys and values of all sequences. */
  readonly cacheBytes: number;
  /** The program and its libraries. */
  readonly restBytes: number;
  readonly totalBytes: number;
}

/** What is continued. */
export interface PlannedGeneration {
  readonly device: ExecutionProvider;
  readonly dtype: Dtype;
  /** Of the policy; undefined: the base model. */
  readonly method?: TrainingMethod | undefined;
  /** Sequences that are continued together. */
  readonly sequences: number;
  readonly promptTokens: number;
  /** Tokens of a continuation, at most. */
  readonly maxTokens: number;
}

/**
 * Predicts the peak memory of generation, from its graphs: that which reads prompts, a pack at a time, and that which continues all
 * sequences at their longest. Each has a session with memory of its own.
 */
export function planGeneration(model: WeightSource, planned: PlannedGeneration): GenerationPlan {
  const { device, dtype, method, sequences, promptTokens, maxTokens } = planned;
  const style = programStyle(device, dtype);
  const [prefill, decode] = [prefillProgram(model, method, style), decodeProgram(model, method, style)];
  const together = Math.max(1, Math.min(sequences, Math.floor(DEFAULT_PACK_TOKENS / promptTokens)));
  const rows = new Array(together).fill({ prompt: new Array<number>(promptTokens).fill(0), responses: [] });
  const feeds = tokenFeeds(rows, model.definition, prefill.windows);
  const read = { ...extentsOf(prefill.graph, feeds, rows, prefill.windows), B: together };
  const capacity = capacityFor(promptTokens + maxTokens);
  const sessions = [
    sessionMemory(prefill.graph, [read], 'in-place'),
    sessionMemory(decode.graph, [{ B: sequences, C: capacity }], 'in-place'),
  ];
  const sum = (of: (session: SessionMemory) => number) => sessions.reduce((total, session) => total + of(session), 0);
  const parts = {
    frozenBytes: Math.max(...sessions.map(({ frozenBytes }) => frozenBytes)),
    copiedBytes: sum(({ copiedBytes }) => copiedBytes),
    activationBytes: sum(({ activationBytes }) => activationBytes),
    cacheBytes: sequences * capacity * bytesPerPosition(decode.layers),
    restBytes: REST_BYTES,
  };
  return { ...parts, totalBytes: Object.values(parts).reduce((total, bytes) => total + bytes, 0) };
}
