import { AlphapoError } from '@alphapo/base';
import type { ModelDefinition } from '@alphapo/models';
import { rotaryFeeds, tokenFeeds } from '../pack.ts';
import type { Feeds, TensorData } from '../session.ts';
import { KeyValueCache } from './key-value-cache.ts';
import { topLogProbs } from './log-softmax.ts';
import type { GenerationProgram } from './programs.ts';
import { sampleToken } from './sampling.ts';
import type { GeneratedToken, Sequence } from './sequence.ts';

/** Runs a program with the policy's tensors. */
type RunProgram = (feeds: Feeds) => Promise<Record<string, TensorData>>;

export interface DecodingPrograms {
  readonly prefill: { readonly program: GenerationProgram; readonly run: RunProgram };
  readonly decode: { readonly program: GenerationProgram; readonly run: RunProgram };
}

/** A token that a sequence was given. */
export interface TakenToken {
  readonly sequence: Sequence;
  readonly taken: GeneratedToken;
}

/** Sequences that are continued together, under the same weights, with their cache. */
export class DecodingBatch {
  readonly #model: ModelDefinition;
  readonly #programs: DecodingPrograms;
  readonly #cache: KeyValueCache;
  /** By slot of the cache. */
  readonly #sequences: Sequence[] = [];

  constructor(model: ModelDefinition, programs: DecodingPrograms) {
    this.#model = model;
    this.#programs = programs;
    this.#cache = new KeyValueCache(programs.decode.program.layers);
  }

  get sequences(): readonly Sequence[] {
    return this.#sequences;
  }

  /**
   * Reads the tokens of sequences and chooses the first one more of each. Sequences with the same tokens, as continuations
   * of one prompt have, are computed once.
   */
  async prefill(sequences: readonly Sequence[]): Promise<TakenToken[]> {
    const groups = [...Map.groupBy(sequences, ({ tokens }) => tokens.join()).values()];
    const rows = groups.map(([first]) => ({ prompt: (first as Sequence).tokens, responses: [] }));
    const { program, run } = this.#programs.prefill;
    let end = 0;
    const places = rows.map(({ prompt: { length } }) => {
      end += length;
      return { from: end - length, length };
    });
    const last = BigInt64Array.from(places, ({ from, length }) => BigInt(from + length - 1));
    const outputs = await run({
      ...tokenFeeds(rows, this.#model, program.windows),
      last_tokens: { type: 'i64', shape: [last.length], data: last },
    });
    this.#cache.makeRoom(this.#cache.size + sequences.length);
    return groups.flatMap((group, i) => {
      const { from, length } = places[i] as { from: number; length: number };
      return group.map((sequence) => {
        const taken = this.#choose(sequence, outputs, i);
        if (sequence.finish === undefined) {
          this.#cache.add(outputs, from, length);
          this.#sequences.push(sequence);
        }
        return { sequence, taken };
      });
    });
  }

  /** One token more for each sequence; those that end leave. */
  async decode(): Promise<TakenToken[]> {
    const { run } = this.#programs.decode;
    const outputs = await run({ ...this.#tokenFeeds(), ...this.#cache.feeds });
    this.#cache.append(outputs);
    const taken = this.#sequences.map((sequence, slot) => ({ sequence, taken: this.#choose(sequence, outputs, slot) }));
    this.sweep();
    return taken;
  }

  /** Takes out the sequences that have ended, or were stopped. */
  sweep(): void {
    for (let slot = this.#sequences.length - 1; slot >= 0; slot--) {
      if (this.#sequences[slot]?.finish !== undefined) this.#remove(slot);
    }
  }

  /**
   * Takes out the sequences whose keys the next token would not fit: LongRoPE rotates sequences beyond a length by other
   * frequencies, from the first token on. They have to be read again.
   */
  takeOutgrown(): Sequence[] {
    const above = this.#model.rotary?.long?.above;
    const outgrown = this.#sequences.filter((_, slot) => this.#cache.length(slot) === above);
    for (const sequence of outgrown) this.#remove(this.#sequences.indexOf(sequence));
    return outgrown;
  }

  #remove(slot: number): void {
    this.#cache.remove(slot);
    const last = this.#sequences.pop() as Sequence;
    if (slot < this.#sequences.length) this.#sequences[slot] = last;
  }

  #choose(sequence: Sequence, outputs: Record<string, TensorData>, row: number): GeneratedToken {
    const { vocabularySize: V } = this.#model;
    const { data } = outputs.logits as TensorData & { readonly data: Float32Array };
    const own = data.subarray(row * V, (row + 1) * V);
    const { sampling, topLogProbs: top = 0 } = sequence.generation.request;
    const sampled = sampleToken(own, sampling, sequence);
    if (Number.isFinite(sampled.logProb)) {
      const taken = sequence.take(sampled);
      return top === 0 ? taken : { ...taken, top: topLogProbs(own, top) };
    }
    throw new AlphapoError(
      'failed-precondition',
      'NON_FINITE_LOGITS',
      `the model's logits after ${sequence.tokens.length} tokens are not finite; its weights, or those of the policy, are damaged or have diverged`,
    );
  }

  #tokenFeeds(): Feeds {
    const B = this.#sequences.length;
    const positions = this.#sequences.map((_, slot) => this.#cache.length(slot));
    const index = (values: readonly number[]): TensorData => ({
      type: 'i64',
      shape: [B],
      data: BigInt64Array.from(values, BigInt),
    });
    return {
      tokens: index(this.#sequences.map(({ tokens }) => tokens.at(-1) as number)),
      positions: index(positions),
      ...rotaryFeeds(
        this.#model,
        positions,
        positions.map((position) => position + 1),
      ),
    };
  }
}
