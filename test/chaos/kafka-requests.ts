/** Keys of the requests that write: https://kafka.apache.org/protocol#protocol_api_keys */
export const KAFKA_API = { produce: 0, addPartitionsToTransaction: 24, endTransaction: 26, commitOffsets: 28 } as const;

/** The length of a frame, and the key of the request in it. */
const HEAD_BYTES = 6;

/** Finds the requests in what a Kafka client sends: each is a frame with its length in front, then the key of its kind. */
export class KafkaRequests {
  #head = Buffer.alloc(0);
  #rest = 0;

  /** The keys of the requests that begin in this piece of the stream. */
  push(chunk: Buffer): number[] {
    const keys: number[] = [];
    let data = chunk;
    while (data.length > 0) {
      if (this.#rest > 0) {
        const taken = Math.min(this.#rest, data.length);
        this.#rest -= taken;
        data = data.subarray(taken);
        continue;
      }
      const missing = HEAD_BYTES - this.#head.length;
      this.#head = Buffer.concat([this.#head, data.subarray(0, missing)]);
      data = data.subarray(missing);
      if (this.#head.length < HEAD_BYTES) break;
      keys.push(this.#head.readInt16BE(4));
      this.#rest = this.#head.readInt32BE(0) - 2;
      this.#head = Buffer.alloc(0);
    }
    return keys;
  }
}
