import { sha256 } from '@alphapo/base';
import type { TokenizedRecord } from '@alphapo/tokenization';

type Pair = (TokenizedRecord & { readonly ok: true })['pair'];

/** A pair that is shown whole. */
export interface ShownPair {
  /** `file:line`. */
  readonly origin: string;
  readonly pair: Pair;
}

/** Counts of tokens, a number per pair. */
interface Lengths {
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/** What there is to say about pairs apart from how their records were read. */
export interface PairFacts {
  readonly lengths: Lengths;
  /** Pairs of which the limits cut off some tokens, by the part that was cut. */
  readonly truncated: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
  /** Pairs whose tokens are those of an earlier pair. */
  readonly duplicates: number;
  /** The first of them, with the place that it repeats. */
  readonly firstDuplicate: { readonly origin: string; readonly repeats: string } | undefined;
  readonly prompts: number;
  readonly shown: readonly ShownPair[];
}

/** Collects facts about pairs as they are read; of a pair it keeps two digests and three numbers, but for those to show. */
export class InspectedPairs {
  readonly #lengths = { prompt: [] as number[], chosen: [] as number[], rejected: [] as number[] };
  readonly #truncated = { prompt: 0, chosen: 0, rejected: 0 };
  readonly #origins = new Map<string, string>();
  readonly #prompts = new Set<string>();
  readonly #shown: ShownPair[] = [];
  readonly #most: number;
  #duplicates = 0;
  #firstDuplicate: PairFacts['firstDuplicate'];

  /** `most`: pairs to show, the first ones. */
  constructor(most: number) {
    this.#most = most;
  }

  add(origin: string, pair: Pair): void {
    for (const part of ['prompt', 'chosen', 'rejected'] as const) {
      this.#lengths[part].push(pair[part].length);
      if (pair.truncated[part] > 0) this.#truncated[part]++;
    }
    const prompt = digestOf(pair.prompt);
    this.#prompts.add(prompt);
    const whole = sha256(prompt, digestOf(pair.chosen), digestOf(pair.rejected));
    const repeats = this.#origins.get(whole);
    if (repeats === undefined) this.#origins.set(whole, origin);
    else {
      this.#duplicates++;
      this.#firstDuplicate ??= { origin, repeats };
    }
    if (this.#shown.length < this.#most) this.#shown.push({ origin, pair });
  }

  get facts(): PairFacts {
    return {
      lengths: this.#lengths,
      truncated: this.#truncated,
      duplicates: this.#duplicates,
      firstDuplicate: this.#firstDuplicate,
      prompts: this.#prompts.size,
      shown: this.#shown,
    };
  }

  /** How many prompts are in both. */
  promptsSharedWith(other: InspectedPairs): number {
    return this.#prompts.intersection(other.#prompts).size;
  }
}

const digestOf = (ids: readonly number[]) => sha256(Uint8Array.from(new Uint8Array(Uint32Array.from(ids).buffer)));
