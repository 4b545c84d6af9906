import { UNSEEN } from '@alphapo/models';
import type { Feeds, TensorData } from '../session.ts';
import { type CachedLayer, LAYER_NAMES, maskName } from './programs.ts';

/** Positions that a cache grows by: what lies behind a sequence's length is computed in vain. */
const GROWTH = 64;

/** Bytes that the keys and values of one position of a sequence take in all layers. */
export function bytesPerPosition(layers: readonly CachedLayer[]): number {
  const elements = layers.reduce((sum, { keyValueHeads, headDim }) => sum + 2 * keyValueHeads * headDim, 0);
  return elements * Float32Array.BYTES_PER_ELEMENT;
}

/** Positions that arrays have room for where sequences have so many. */
export const capacityFor = (positions: number): number => GROWTH * Math.ceil(positions / GROWTH);

/** Keys and values of one token of a layer: [K * headDim] each. */
interface LayerArrays {
  readonly layer: CachedLayer;
  /** [sequences, K, capacity, headDim] */
  keys: Float32Array;
  values: Float32Array;
}

/**
 * The keys and values of some sequences, each with its own length, in arrays that a session reads in place. A sequence has
 * a slot; slots are without gaps, so the last sequence moves where another one leaves.
 */
export class KeyValueCache {
  readonly #layers: readonly LayerArrays[];
  readonly #lengths: number[] = [];
  #room = 0;
  #capacity = 0;

  constructor(layers: readonly CachedLayer[]) {
    this.#layers = layers.map((layer) => ({ layer, keys: new Float32Array(), values: new Float32Array() }));
  }

  /** Sequences. */
  get size(): number {
    return this.#lengths.length;
  }

  /** Positions of a sequence. */
  length(slot: number): number {
    return this.#lengths[slot] as number;
  }

  /** Bytes that the arrays take. */
  get bytes(): number {
    return this.#layers.reduce((sum, { keys, values }) => sum + keys.byteLength + values.byteLength, 0);
  }

  /** Makes room for so many sequences at once. */
  makeRoom(sequences: number): void {
    this.#reserve(sequences, this.#capacity);
  }

  /**
   * Adds a sequence whose keys and values are rows `from` to `from + length` of a prefill's outputs [T, K * headDim];
   * returns its slot.
   */
  add(outputs: Readonly<Record<string, TensorData>>, from: number, length: number): number {
    const slot = this.size;
    this.#reserve(slot + 1, length + 1);
    this.#lengths.push(0);
    for (let position = 0; position < length; position++) this.#write(outputs, from + position, slot, position);
    this.#lengths[slot] = length;
    return slot;
  }

  /** Adds one position to each sequence: row i of a decoding's outputs [B, K * headDim] is that of slot i. */
  append(outputs: Readonly<Record<string, TensorData>>): void {
    this.#reserve(this.size, Math.max(...this.#lengths) + 1);
    for (let slot = 0; slot < this.size; slot++) {
      this.#write(outputs, slot, slot, this.length(slot));
      this.#lengths[slot] = this.length(slot) + 1;
    }
  }

  /** Takes a sequence out; the last one gets its slot. */
  remove(slot: number): void {
    const last = this.size - 1;
    for (const { layer, keys, values } of this.#layers) {
      const stride = layer.keyValueHeads * this.#capacity * layer.headDim;
      for (const array of [keys, values]) array.copyWithin(slot * stride, last * stride, (last + 1) * stride);
    }
    this.#lengths[slot] = this.length(last);
    this.#lengths.pop();
  }

  /** What a decoding reads: views of the arrays, and the masks of the windows that layers have. */
  get feeds(): Feeds {
    const [B, C] = [this.size, this.#capacity];
    const feeds: Record<string, TensorData> = {};
    for (const [i, { layer, keys, values }] of this.#layers.entries()) {
      const shape = [B, layer.keyValueHeads, C, layer.headDim];
      const elements = B * layer.keyValueHeads * C * layer.headDim;
      feeds[LAYER_NAMES.pastKeys(i)] = { type: 'f32', shape, data: keys.subarray(0, elements) };
      feeds[LAYER_NAMES.pastValues(i)] = { type: 'f32', shape, data: values.subarray(0, elements) };
      feeds[maskName(layer.slidingWindow)] ??= this.#mask(layer.slidingWindow);
    }
    return feeds;
  }

  #mask(slidingWindow = Number.POSITIVE_INFINITY): TensorData {
    const [B, C] = [this.size, this.#capacity];
    const data = new Float32Array(B * C).fill(UNSEEN);
    for (const [slot, length] of this.#lengths.entries()) {
      // The next token is at position `length`, and sees itself beside these.
      data.fill(0, slot * C + Math.max(0, length - slidingWindow + 1), slot * C + length);
    }
    return { type: 'f32', shape: [B, 1, 1, C], data };
  }

  #write(outputs: Readonly<Record<string, TensorData>>, row: number, slot: number, position: number): void {
    for (const [i, { layer, keys, values }] of this.#layers.entries()) {
      const { keyValueHeads: K, headDim } = layer;
      const put = (array: Float32Array, name: string) => {
        const from = outputs[name]?.data as Float32Array;
        for (let head = 0; head < K; head++) {
          const start = (row * K + head) * headDim;
          array.set(from.subarray(start, start + headDim), ((slot * K + head) * this.#capacity + position) * headDim);
        }
      };
      put(keys, LAYER_NAMES.keys(i));
      put(values, LAYER_NAMES.values(i));
    }
  }

  /** Makes room for so many sequences of so many positions; what is there moves. */
  #reserve(sequences: number, positions: number): void {
    if (sequences <= this.#room && positions <= this.#capacity) return;
    const room = Math.max(sequences, this.#room);
    const capacity = positions <= this.#capacity ? this.#capacity : capacityFor(positions);
    for (const arrays of this.#layers) {
      arrays.keys = this.#moved(arrays.keys, arrays.layer, room, capacity);
      arrays.values = this.#moved(arrays.values, arrays.layer, room, capacity);
    }
    this.#room = room;
    this.#capacity = capacity;
  }

  #moved(from: Float32Array, { keyValueHeads: K, headDim }: CachedLayer, room: number, capacity: number) {
    const to = new Float32Array(room * K * capacity * headDim);
    for (const [slot, length] of this.#lengths.entries()) {
      for (let head = 0; head < K; head++) {
        const start = (slot * K + head) * this.#capacity * headDim;
        to.set(from.subarray(start, start + length * headDim), (slot * K + head) * capacity * headDim);
      }
    }
    return to;
  }
}
