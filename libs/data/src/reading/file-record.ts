import { MAX_RECORD_BYTES } from '@alphapo/base';

/** A record's bytes, a JSON text, and where they stand. */
export interface FileRecord {
  readonly bytes: Uint8Array;
  /** The file that it was read from; below a folder or a data set, the file there. */
  readonly file: string;
  /** Counted from 1: the line of JSON lines, the row of a table (without its header), or the element of a JSON list. */
  readonly line: number;
}

/** The bytes of a record as they come in, of which no more are kept than a record may have, and one to show that there were more. */
export class PendingRecord {
  #parts: Buffer[] = [];
  #length = 0;

  add(part: Buffer): void {
    const kept = part.subarray(0, MAX_RECORD_BYTES + 1 - this.#length);
    if (kept.length === 0) return;
    this.#parts.push(kept);
    this.#length += kept.length;
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return bytes;
  }
}
