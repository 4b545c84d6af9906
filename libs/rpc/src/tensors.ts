import { AlphapoError, elementCount, type FloatTensor, type FloatTensors, floatTensor, sameShape } from '@alphapo/base';
import { type TensorChunk, WireDataType } from '@alphapo/contracts';
import { CHUNK_BYTES } from './limits.ts';

/** Tensors as they travel: runs of chunks, one tensor after the other, little-endian as all our machines are. */
export function* tensorsToChunks(tensors: FloatTensors): Generator<TensorChunk> {
  for (const [name, { shape, data }] of tensors) {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const head = { name, dataType: WireDataType.F32, shape: shape.map(BigInt) };
    let offset = 0;
    do {
      const part = bytes.subarray(offset, offset + CHUNK_BYTES);
      yield { ...head, byteOffset: BigInt(offset), data: part };
      offset += CHUNK_BYTES;
    } while (offset < bytes.length);
  }
}

/** Reassembles chunks, and rejects anything but a sequence of complete tensors. */
export class TensorAssembler {
  readonly #maxBytes: number;
  readonly #into: FloatTensors;
  readonly #tensors = new Map<string, FloatTensor>();
  #bytes = 0;
  /** The tensor that chunks are being added to, and how many of its bytes are there. */
  #open: { name: string; tensor: FloatTensor; filled: number } | undefined;

  /** Tensors of `into` are filled where name and shape are the same; new ones are made for the others. */
  constructor({ maxBytes, into = new Map() }: { readonly maxBytes: number; readonly into?: FloatTensors }) {
    this.#maxBytes = maxBytes;
    this.#into = into;
  }

  /** Errors: TENSOR_STREAM with the tensor and what is wrong with its chunk. */
  push(chunk: TensorChunk): void {
    const open = this.#open?.name === chunk.name ? this.#open : this.#begin(chunk);
    const { data } = open.tensor;
    if (chunk.byteOffset !== BigInt(open.filled)) {
      throw streamError(chunk.name, `a chunk starts at byte ${chunk.byteOffset} instead of ${open.filled}`);
    }
    if (!sameShape(chunk.shape.map(Number), open.tensor.shape)) throw streamError(chunk.name, 'its shape changes');
    if (open.filled + chunk.data.length > data.byteLength) throw streamError(chunk.name, 'a chunk runs beyond its end');
    new Uint8Array(data.buffer, data.byteOffset + open.filled).set(chunk.data);
    open.filled += chunk.data.length;
    if (open.filled === data.byteLength) {
      this.#tensors.set(open.name, open.tensor);
      this.#open = undefined;
    }
  }

  /** All tensors, in the order they came. Errors: TENSOR_STREAM where some are missing or incomplete. */
  finish(expected: number): FloatTensors {
    if (this.#open !== undefined) throw streamError(this.#open.name, 'the stream ends within it');
    if (this.#tensors.size !== expected) {
      throw streamError('(all)', `received ${this.#tensors.size} tensors, but ${expected} were announced`);
    }
    return this.#tensors;
  }

  #begin(chunk: TensorChunk) {
    const { name } = chunk;
    if (this.#open !== undefined) throw streamError(this.#open.name, `${name} begins before it is complete`);
    if (this.#tensors.has(name)) throw streamError(name, 'it comes twice');
    if (chunk.dataType !== WireDataType.F32) throw streamError(name, 'its type is not float32');
    const shape = chunk.shape.map(Number);
    const bytes = 4 * elementCount(shape);
    if (!Number.isSafeInteger(bytes) || this.#bytes + bytes > this.#maxBytes) {
      throw streamError(name, `its ${bytes} bytes exceed the limit of ${this.#maxBytes} for all tensors`);
    }
    this.#bytes += bytes;
    const place = this.#into.get(name);
    const tensor = place !== undefined && sameShape(place.shape, shape) ? place : floatTensor(shape);
    this.#open = { name, tensor, filled: 0 };
    return this.#open;
  }
}

function streamError(tensor: string, problem: string): AlphapoError {
  return new AlphapoError('data-loss', 'TENSOR_STREAM', `tensor ${tensor}: ${problem}`, { metadata: { tensor } });
}
