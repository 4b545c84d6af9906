import { DEFAULT_PACK_TOKENS } from '@alphapo/contracts';
import type { ModelDefinition } from '@alphapo/models';
import type { PolicyChoice } from '../policy-choice.ts';
import type { Lease } from '../resource-cache.ts';
import type { YieldPoint } from '../yield-point.ts';
import { DecodingBatch, type DecodingPrograms, type TakenToken } from './decoding-batch.ts';
import { bytesPerPosition } from './key-value-cache.ts';
import { type GeneratedToken, type Generation, type GenerationRequest, Sequence } from './sequence.ts';

/** Sequences that are continued together, at most: with more, each would wait longer and all would gain little. */
const MOST_SEQUENCES = 64;

/** What continuations are computed with. */
export interface GeneratorOptions {
  readonly model: ModelDefinition;
  /** Memory for keys and values of the sequences of a lane; one sequence is continued however much it needs. */
  readonly cacheBytes: number;
  /** The programs of a policy, kept as long as the lease. */
  readonly programs: (policy: PolicyChoice) => Promise<Lease<DecodingPrograms>>;
}

/** A request that has not been answered. */
interface Running {
  readonly lane: Lane;
  readonly sequences: readonly Sequence[];
  resolve(): void;
  reject(error: unknown): void;
}

/** Sequences under the same weights: those that are continued, and those that wait to be. */
interface Lane {
  readonly policy: PolicyChoice;
  readonly alone: boolean;
  waiting: Sequence[];
  batch: DecodingBatch | undefined;
  programs: Lease<DecodingPrograms> | undefined;
}

/**
 * Continues prompts, those of several calls together: a sequence joins between two tokens, and leaves when it ends. Does a
 * step of one lane after the other; whoever owns the thread calls `steps`.
 */
export class Generator {
  readonly #options: GeneratorOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #running = new Map<Generation, Running>();
  #aloneLanes = 0;

  constructor(options: GeneratorOptions) {
    this.#options = options;
  }

  /** Whether there is anything to compute. */
  get isIdle(): boolean {
    return this.#lanes.size === 0;
  }

  /** Adds a request; resolves when all of its sequences have ended, rejects with the signal's reason when it aborts. */
  add(
    request: GenerationRequest,
    policy: PolicyChoice,
    { emit, signal }: { emit(tokens: readonly GeneratedToken[]): void; signal: AbortSignal },
  ): { readonly done: Promise<void>; stop(sequence: number): void } {
    const generation: Generation = { request, emit };
    const longest = this.#options.model.maxPositions;
    const sequences = request.prompts.flatMap((_, prompt) =>
      Array.from({ length: request.continuations }, (_, i) => new Sequence(generation, prompt, { index: i, longest })),
    );
    const lane = this.#laneFor(policy, request.batching === 'alone');
    lane.waiting.push(...sequences);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#running.set(generation, { lane, sequences, resolve, reject });
    const abort = () => {
      for (const sequence of sequences) sequence.stop();
      this.#end(generation)?.reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    return {
      done: promise.finally(() => signal.removeEventListener('abort', abort)),
      stop: (sequence) => sequences[sequence]?.stop(),
    };
  }

  /** Computes until nothing is left, with a yieldPoint before each step. */
  async steps(yieldPoint: YieldPoint): Promise<void> {
    while (!this.isIdle) {
      for (const [key, lane] of this.#lanes) {
        await yieldPoint();
        if (await this.#step(lane)) continue;
        this.#lanes.delete(key);
        lane.programs?.[Symbol.dispose]();
      }
    }
  }

  #laneFor(policy: PolicyChoice, alone: boolean): Lane {
    const weights = policy.kind === 'base' ? 'base' : policy.digest;
    const key = alone ? `${weights} alone ${this.#aloneLanes++}` : weights;
    const lane = this.#lanes.get(key) ?? { policy, alone, waiting: [], batch: undefined, programs: undefined };
    this.#lanes.set(key, lane);
    return lane;
  }

  /** Reads prompts that wait, or computes one token more for each sequence; false where nothing is left. */
  async #step(lane: Lane): Promise<boolean> {
    try {
      lane.waiting = lane.waiting.filter((sequence) => !this.#settled(sequence));
      lane.batch?.sweep();
      this.#settle();
      lane.waiting.unshift(...(lane.batch?.takeOutgrown() ?? []));
      const admitted = lane.waiting.length > 0 ? admissible(lane, await this.#positions(lane)) : [];
      if (admitted.length > 0) {
        lane.waiting = lane.waiting.slice(admitted.length);
        this.#tell(await (await this.#batchOf(lane)).prefill(admitted));
      } else if (lane.batch !== undefined && lane.batch.sequences.length > 0) {
        this.#tell(await lane.batch.decode());
      }
    } catch (error) {
      this.#fail(lane, error);
    }
    return lane.waiting.length > 0 || (lane.batch?.sequences.length ?? 0) > 0;
  }

  /** Positions that the caches of a lane's sequences have room for together. */
  async #positions(lane: Lane): Promise<number> {
    lane.programs ??= await this.#options.programs(lane.policy);
    return Math.floor(this.#options.cacheBytes / bytesPerPosition(lane.programs.value.decode.program.layers));
  }

  /** One that is computed alone gets a cache of its own, whose size depends on nothing else. */
  async #batchOf(lane: Lane): Promise<DecodingBatch> {
    lane.programs ??= await this.#options.programs(lane.policy);
    if (lane.alone || lane.batch === undefined) {
      lane.batch = new DecodingBatch(this.#options.model, lane.programs.value);
    }
    return lane.batch;
  }

  #tell(tokens: readonly TakenToken[]): void {
    const byGeneration = Map.groupBy(tokens, ({ sequence }) => sequence.generation);
    for (const [generation, own] of byGeneration) {
      if (this.#running.has(generation)) generation.emit(own.map(({ taken }) => taken));
    }
    this.#settle();
  }

  #settled({ generation, finish }: Sequence): boolean {
    return finish !== undefined || !this.#running.has(generation);
  }

  /** Resolves the requests of which no sequence is left. */
  #settle(): void {
    for (const [generation, { sequences }] of this.#running) {
      if (sequences.every(({ finish }) => finish !== undefined)) this.#end(generation)?.resolve();
    }
  }

  /** An error of one step is that of all requests whose sequences were in it, or wait to be. */
  #fail(lane: Lane, error: unknown): void {
    for (const [generation, running] of this.#running) {
      if (running.lane === lane) this.#end(generation)?.reject(error);
    }
    lane.waiting = [];
    lane.batch = undefined;
  }

  #end(generation: Generation): Running | undefined {
    const running = this.#running.get(generation);
    this.#running.delete(generation);
    return running;
  }
}

/**
 * The sequences at the head of those that wait that one reading of prompts takes. The cache has room for the longest sequence
 * in each slot; `positions`: what all slots may have together.
 */
function admissible({ waiting, batch, alone }: Lane, positions: number): Sequence[] {
  const running = batch?.sequences ?? [];
  const room = (alone ? 1 : MOST_SEQUENCES) - running.length;
  let longest = Math.max(0, ...running.map((sequence) => sequence.longest));
  const admitted: Sequence[] = [];
  const prompts = new Set<string>();
  let tokens = 0;
  for (const sequence of waiting.slice(0, Math.max(0, room))) {
    const prompt = sequence.tokens.join();
    const more = prompts.has(prompt) ? 0 : sequence.tokens.length;
    longest = Math.max(longest, sequence.longest);
    const slots = running.length + admitted.length;
    if (slots > 0 && (slots + 1) * longest > positions) break;
    if (admitted.length > 0 && tokens + more > DEFAULT_PACK_TOKENS) break;
    prompts.add(prompt);
    tokens += more;
    admitted.push(sequence);
  }
  return admitted;
}
