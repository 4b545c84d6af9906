import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AlphapoError, messageOf } from '@alphapo/base';

/** A record's bytes and where they stand; in a .json file `line` counts its elements. */
export interface FileRecord {
  readonly bytes: Uint8Array;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

const GZIP_MAGIC = [0x1f, 0x8b];
const NEWLINE = 0x0a;
const MAX_LINE_BYTES = 64 * 2 ** 20;

/**
 * The records of a .json or .jsonl file, compressed with gzip or not. Lines come as they are, one at a time; a .json file
 * is a list of records, an object of lists, or one record. Errors: DATA_NOT_FOUND, DATA_DAMAGED and DATA_EMPTY with the
 * file, and the line where there is one.
 */
export async function* readRecords(file: string): AsyncGenerator<FileRecord> {
  const source = await openSource(file);
  const json = /\.json(\.gz)?$/i.test(file);
  let count = 0;
  try {
    for await (const record of json ? elements(source, file) : lines(source, file)) {
      count++;
      yield record;
    }
  } catch (error) {
    if (error instanceof AlphapoError) throw error;
    throw damaged(file, `cannot be read after ${count} records: ${messageOf(error)}. Fetch it again`, error);
  } finally {
    source.destroy();
  }
  if (count === 0) {
    throw new AlphapoError('invalid-argument', 'DATA_EMPTY', `${file} has no records: give a file of preference pairs`);
  }
}

async function openSource(file: string): Promise<Readable> {
  try {
    await using handle = await open(file, 'r');
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(2) });
    const raw = createReadStream(file, { highWaterMark: 2 ** 20 });
    if (bytesRead < 2 || GZIP_MAGIC.some((byte, i) => buffer[i] !== byte)) return raw;
    const unzipped = createGunzip();
    raw.on('error', (error) => unzipped.destroy(error));
    return raw.pipe(unzipped);
  } catch (error) {
    throw new AlphapoError('not-found', 'DATA_NOT_FOUND', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** Lines without their ends; blank ones are left out, but counted. */
async function* lines(source: Readable, file: string): AsyncGenerator<FileRecord> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let line = 0;
  const finish = (last: Buffer): FileRecord | undefined => {
    line++;
    const whole = trim(Buffer.concat([...pending, last]), line === 1);
    pending = [];
    pendingBytes = 0;
    return whole.length === 0 ? undefined : { bytes: whole, file, line };
  };
  for await (const chunk of source as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const record = finish(chunk.subarray(start, end));
      if (record !== undefined) yield record;
      start = end + 1;
    }
    pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > MAX_LINE_BYTES) {
      throw damaged(file, `line ${line + 1} is longer than ${MAX_LINE_BYTES} bytes: one record must stand on a line`);
    }
  }
  const last = finish(Buffer.alloc(0));
  if (last !== undefined) yield last;
}

/** Without a byte-order mark at the start of the file, a carriage return at the end, and white space around. */
function trim(bytes: Buffer, firstLine: boolean): Buffer {
  let start = firstLine && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  let end = bytes.length;
  const blank = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0d;
  while (start < end && blank(bytes[start])) start++;
  while (end > start && blank(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}

async function* elements(source: Readable, file: string): AsyncGenerator<FileRecord> {
  const chunks: Buffer[] = [];
  for await (const chunk of source as AsyncIterable<Buffer>) chunks.push(chunk);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    throw damaged(file, `is no JSON: ${messageOf(error)}. A file of one record a line must be named .jsonl`, error);
  }
  let line = 0;
  for (const element of recordsIn(value)) yield { bytes: Buffer.from(JSON.stringify(element)), file, line: ++line };
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
