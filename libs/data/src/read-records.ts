import { AlphapoError, messageOf } from '@alphapo/base';
import { MAX_RECORD_BYTES } from '@alphapo/contracts';
import { openSource, type Source } from './record-source.ts';

/** A record's bytes and where they stand; in a .json file `line` counts its elements. */
export interface FileRecord {
  readonly bytes: Uint8Array;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

const NEWLINE = 0x0a;
/** Of a .json file, unpacked: some times as much memory is needed to read it. */
const MAX_JSON_BYTES = 256 * 2 ** 20;

/**
 * The records of a .json or .jsonl file, compressed with gzip or not. Lines come as they are, one at a time, in constant
 * memory; a .json file is a list of records, an object of lists, or one record, and is read as a whole.
 *
 * A record beyond MAX_RECORD_BYTES comes cut one byte above it, so that the parser refuses it and the next ones still
 * come. Errors: DATA_NOT_FOUND, DATA_NOT_A_FILE, DATA_DAMAGED, DATA_TOO_LARGE and DATA_EMPTY with the file and the place
 * in it.
 */
export async function* readRecords(file: string): AsyncGenerator<FileRecord> {
  await using source = await openSource(file);
  const json = /\.json(\.gz)?$/i.test(file);
  let count = 0;
  try {
    for await (const record of json ? elements(source, file) : lines(source, file)) {
      count++;
      yield record;
    }
  } catch (error) {
    if (error instanceof AlphapoError) throw error;
    const place = `cannot be read on from byte ${source.position()}, after ${count} records`;
    throw damaged(file, `${place}: ${messageOf(error)}. Fetch it again`, error);
  }
  if (count === 0) {
    throw new AlphapoError('invalid-argument', 'DATA_EMPTY', `${file} has no records: give a file of preference pairs`);
  }
}

/** The bytes of a line as they come in, of which no more are kept than a record may have. */
class PendingLine {
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

/** Lines without their ends; blank ones are left out, but counted. */
async function* lines(source: Source, file: string): AsyncGenerator<FileRecord> {
  const pending = new PendingLine();
  let line = 0;
  const finish = (): FileRecord | undefined => {
    line++;
    const bytes = trim(pending.take(), line === 1);
    return bytes.length === 0 ? undefined : { bytes, file, line };
  };
  for await (const chunk of source.chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      pending.add(chunk.subarray(start, end));
      const record = finish();
      if (record !== undefined) yield record;
      start = end + 1;
    }
    pending.add(chunk.subarray(start));
  }
  const last = finish();
  if (last !== undefined) yield last;
}

/** Without a byte-order mark at the start of the file, a carriage return at the end, and white space around. */
function trim(bytes: Buffer, firstLine: boolean): Buffer {
  if (bytes.length > MAX_RECORD_BYTES) return bytes;
  let start = firstLine && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  let end = bytes.length;
  const blank = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0d;
  while (start < end && blank(bytes[start])) start++;
  while (end > start && blank(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}

async function* elements(source: Source, file: string): AsyncGenerator<FileRecord> {
  const bytes = await whole(source, file);
  if (trim(bytes, true).every((byte) => byte === NEWLINE)) return;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw damaged(file, `is no JSON: ${messageOf(error)}. A file of one record a line must be named .jsonl`, error);
  }
  let line = 0;
  for (const element of recordsIn(value)) {
    line++;
    yield { bytes: jsonOf(element, `${file} record ${line}`).subarray(0, MAX_RECORD_BYTES + 1), file, line };
  }
}

async function whole(source: Source, file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of source.chunks) {
    length += chunk.length;
    chunks.push(chunk);
    if (length <= MAX_JSON_BYTES) continue;
    throw new AlphapoError(
      'resource-exhausted',
      'DATA_TOO_LARGE',
      `${file} has more than ${MAX_JSON_BYTES} bytes of JSON, which are read as a whole: write one record a line into a .jsonl file`,
    );
  }
  return Buffer.concat(chunks, length);
}

/** A value that was parsed as its JSON again; that goes as deep as the stack does. */
function jsonOf(value: unknown, place: string): Buffer {
  try {
    return Buffer.from(JSON.stringify(value));
  } catch (cause) {
    throw new AlphapoError('data-loss', 'DATA_DAMAGED', `${place} is nested too deep: no record is`, { cause });
  }
}

function recordsIn(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null || typeof value !== 'object' || isPair(value)) return [value];
  const lists = Object.values(value);
  return lists.length > 0 && lists.every((list) => Array.isArray(list) && list.every(isObject))
    ? lists.flat()
    : [value];
}

/** One pair of conversations looks like an object of lists too. */
const isPair = (value: object) => ['chosen', 'chosen_messages'].some((name) => Object.hasOwn(value, name));

const isObject = (value: unknown) => value !== null && typeof value === 'object' && !Array.isArray(value);

function damaged(file: string, problem: string, cause?: unknown): AlphapoError {
  return new AlphapoError('data-loss', 'DATA_DAMAGED', `${file} ${problem}`, { cause });
}
