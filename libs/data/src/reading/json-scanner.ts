import { PendingRecord } from './file-record.ts';
import { byteOrderMarkLength } from './lines.ts';

/**
 * Where the records of a JSON text are: they are its values one after another, the elements of its list, or the elements of
 * the list that its one object has. Several lists are read one after the other, unless one is named
 * as the split that evaluates.
 */
export type JsonShape = 'values' | 'list' | 'object-of-lists';

/** An error in a JSON text, with the offset of its byte. */
export class JsonError extends Error {
  override name = 'JsonError';
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Names of lists whose records are there to evaluate on. */
const EVALUATION = /^(test|val|valid|validation|eval|evaluation|dev|held[-_]?out)(_|-|$)/i;
const LONGEST_NAME = 64;

/** Records are flat; a parser that goes as deep as its text would overflow the stack. */
const MAX_DEPTH = 10_000;
const DEPTH_OF_RECORDS: Readonly<Record<JsonShape, number>> = { values: 0, list: 1, 'object-of-lists': 2 };

/**
 * Finds the records of a JSON text while it streams by, and keeps no more than one of them. A record comes as its bytes, without the white
 * space around its tokens: numbers keep all of their digits, and what only JavaScript would call a number is kept too. What
 * stands inside of a record is looked at only as far as it takes to find its end. Errors: JsonError.
 */
export class JsonScanner {
  readonly #depthOfRecords: number;
  readonly #pending = new PendingRecord();
  /** Closing brackets that are still expected. */
  readonly #open: number[] = [];
  #inString = false;
  #escaped = false;
  /** Whether a record has begun and not ended. */
  #inRecord = false;
  /** Where elements must be kept apart, whether there was one since the last comma. */
  #afterElement = false;
  #commaSeen = false;
  #read = 0;
  #found = 0;
  #began = false;
  /** Records that were found before the list that is open. */
  #foundBefore = 0;
  /** The name of the list that is open, as far as it matters. */
  #name: Buffer[] = [];
  /** Whether a list before the one that is open holds records to evaluate on. */
  #evaluationBefore = false;

  constructor(shape: JsonShape) {
    this.#depthOfRecords = DEPTH_OF_RECORDS[shape];
  }

  /** Records that end in this part of the text. */
  *push(chunk: Buffer): Generator<Buffer> {
    let start = this.#read === 0 ? byteOrderMarkLength(chunk) : 0;
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#inString) {
        at = this.#endOfString(chunk, at);
        continue;
      }
      const blank = byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
      if (this.#inRecord) {
        const scalarEnds =
          this.#open.length === this.#depthOfRecords &&
          (blank || byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT);
        if (scalarEnds) {
          this.#pending.add(chunk.subarray(start, at));
          yield this.#end();
        } else if (blank) {
          this.#pending.add(chunk.subarray(start, at));
          start = at + 1;
          continue;
        } else {
          if (this.#insideRecord(byte, this.#read + at)) {
            this.#pending.add(chunk.subarray(start, at + 1));
            yield this.#end();
          }
          continue;
        }
      }
      if (blank) continue;
      if (this.#outsideRecords(byte, this.#read + at)) start = at;
    }
    if (this.#inRecord) this.#pending.add(chunk.subarray(start));
    this.#read += chunk.length;
  }

  /** The record that the end of the text ends. */
  *end(): Generator<Buffer> {
    if (this.#inRecord && this.#open.length === 0 && !this.#inString) yield this.#end();
    if (this.#open.length === 0 && !this.#inString) return;
    const place = this.#inRecord ? `in the middle of record ${this.#found + 1}` : `after ${this.#found} records`;
    throw new JsonError(`ends ${place}, at byte ${this.#read}`);
  }

  #end(): Buffer {
    this.#inRecord = false;
    this.#afterElement = true;
    this.#commaSeen = false;
    this.#found++;
    return this.#pending.take();
  }

  /** Steps to the last byte that belongs to the string in this chunk. */
  #endOfString(chunk: Buffer, from: number): number {
    const end = this.#endOf(chunk, from);
    if (!this.#inRecord) this.#name.push(Buffer.from(chunk.subarray(from, Math.min(end, from + LONGEST_NAME))));
    return end;
  }

  #endOf(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) {
        this.#inString = false;
        return at;
      }
    }
    return chunk.length;
  }

  /** Whether the record ends with this byte. */
  #insideRecord(byte: number, place: number): boolean {
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.#enter(byte);
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      this.#leave(byte, place);
      return this.#open.length === this.#depthOfRecords;
    }
    return false;
  }

  /** Whether a record begins with this byte. */
  #outsideRecords(byte: number, place: number): boolean {
    if (this.#open.length < this.#depthOfRecords) {
      this.#aroundLists(byte, place);
      return false;
    }
    if (byte === COMMA && this.#depthOfRecords > 0) {
      if (!this.#afterElement) throw new JsonError(`has a comma without a record before it at byte ${place}`);
      this.#afterElement = false;
      this.#commaSeen = true;
      return false;
    }
    if ((byte === CLOSE_LIST || byte === CLOSE_OBJECT) && this.#depthOfRecords > 0) {
      if (this.#commaSeen) throw new JsonError(`has a comma without a record after it at byte ${place}`);
      this.#leave(byte, place);
      this.#afterElement = false;
      return false;
    }
    if (this.#afterElement && this.#depthOfRecords > 0) {
      throw new JsonError(`has two records without a comma between them at byte ${place}`);
    }
    if (this.#found === this.#foundBefore) this.#checkSplit(place);
    this.#inRecord = true;
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.#enter(byte);
    else if (byte === COMMA || byte === COLON || byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      throw new JsonError(
        `has ${JSON.stringify(String.fromCharCode(byte))} where a record should begin, at byte ${place}`,
      );
    }
    return true;
  }

  /** Records to evaluate on must not be trained on. */
  #checkSplit(place: number): void {
    const evaluates = EVALUATION.test(Buffer.concat(this.#name).toString());
    if (this.#foundBefore > 0 && (evaluates || this.#evaluationBefore)) {
      throw new JsonError(`has a second list of records, at byte ${place}`);
    }
    this.#evaluationBefore ||= evaluates;
  }

  /** Lists of an object have names; a single list has none. */
  #aroundLists(byte: number, place: number): void {
    if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      const listExpected = this.#open.length === this.#depthOfRecords - 1;
      if (this.#began && this.#open.length === 0) throw new JsonError(`has data after its end, at byte ${place}`);
      if ((byte === OPEN_LIST) !== listExpected) {
        throw new JsonError(`has something other than a list of records at byte ${place}`);
      }
      this.#began = true;
      this.#foundBefore = this.#found;
      this.#enter(byte);
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) this.#leave(byte, place);
    else if (this.#open.length === 1 && byte === QUOTE) {
      this.#inString = true;
      this.#name = [];
    } else if (this.#open.length !== 1 || (byte !== COMMA && byte !== COLON)) {
      throw new JsonError(`has something other than a list of records at byte ${place}`);
    }
  }

  #enter(bracket: number): void {
    if (this.#open.length === MAX_DEPTH) {
      throw new JsonError(`is nested too deeply in record ${this.#found + 1}`);
    }
    this.#open.push(bracket === OPEN_LIST ? CLOSE_LIST : CLOSE_OBJECT);
  }

  #leave(bracket: number, place: number): void {
    if (this.#open.pop() === bracket) return;
    throw new JsonError(`has brackets that do not match at byte ${place}, in record ${this.#found + 1}`);
  }
}
