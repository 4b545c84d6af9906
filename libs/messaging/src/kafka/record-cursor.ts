const UTF8 = new TextDecoder();

/** One record of a batch, still relative to the batch's offset and time. */
export interface RawRecord {
  readonly offsetDelta: number;
  readonly timestampDelta: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Walks the records of a batch (Kafka's format 2): each is a length and then attributes i8, timestampDelta,
 * offsetDelta, key, value and headers, all numbers and lengths as zigzag varints.
 */
export class RecordCursor {
  #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  next(): RawRecord {
    const length = this.#varint();
    const end = this.#at + length;
    this.#at += 1;
    const timestampDelta = this.#varlong();
    const offsetDelta = this.#varint();
    const key = this.#bytes();
    const value = this.#bytes();
    const headers: Record<string, string> = {};
    for (let left = this.#varint(); left > 0; left--) {
      const name = UTF8.decode(this.#bytes() ?? new Uint8Array());
      headers[name] = UTF8.decode(this.#bytes() ?? new Uint8Array());
    }
    this.#at = end;
    return { offsetDelta, timestampDelta, key, value, headers };
  }

  /** Bytes with their length before them; a length of -1 stands for null. */
  #bytes(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    this.#at += length;
    return this.#data.subarray(start, this.#at);
  }

  /** Zigzag, at most 32 bits. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#data[this.#at++] as number;
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return (value >>> 1) ^ -(value & 1);
    }
  }

  /** Zigzag, at most 64 bits; most fit 32. */
  #varlong(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#data[this.#at++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
  }
}
