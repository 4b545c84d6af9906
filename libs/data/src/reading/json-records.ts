import { AlphapoError, MAX_RECORD_BYTES } from '@alphapo/base';
import { rawFields } from '../lossless-json.ts';
import type { FileRecord } from './file-record.ts';
import { JsonError, JsonScanner, type JsonShape } from './json-scanner.ts';
import { byteOrderMarkLength } from './lines.ts';
import { openSource, type Source } from './source.ts';

/**
 * The records of JSON that is not known to be one record a line: a list of records, an object of lists, or records one after
 * another. `line` counts them. Errors: DATA_DAMAGED with the place.
 */
export async function* jsonRecords(source: Source, file: string): AsyncGenerator<FileRecord> {
  const shape = firstByte(source.head) === '[' ? 'list' : 'values';
  let line = 0;
  for await (const bytes of scanned(source, file, shape)) {
    line++;
    if (shape === 'values' && line === 1 && mayHoldLists(bytes)) {
      await using again = await openSource(file);
      yield* numbered(scanned(again, file, 'object-of-lists'), file);
      return;
    }
    yield { bytes, file, line };
  }
}

async function* numbered(records: AsyncIterable<Buffer>, file: string): AsyncGenerator<FileRecord> {
  let line = 0;
  for await (const bytes of records) yield { bytes, file, line: ++line };
}

async function* scanned(source: Source, file: string, shape: JsonShape): AsyncGenerator<Buffer> {
  const scanner = new JsonScanner(shape);
  try {
    for await (const chunk of source.chunks) yield* scanner.push(chunk);
    yield* scanner.end();
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new AlphapoError('data-loss', 'DATA_DAMAGED', messageFor(file, error.message), { cause: error });
  }
}

function messageFor(file: string, problem: string): string {
  if (problem.startsWith('has a second list')) {
    return `${file} ${problem}, and one list may be for evaluation. Write each to its own file: jq -c '.train[]'`;
  }
  const advice = problem.startsWith('ends')
    ? 'Fetch it again, or repair its end'
    : 'Repair it, or write one record per line';
  return `${file} is not valid JSON: it ${problem}. ${advice}`;
}

/** Whether the first record stands on one line, as it does where each has a line of its own. */
export function beginsWithLine(head: Buffer): boolean {
  const text = head.subarray(byteOrderMarkLength(head));
  const begin = text.findIndex((byte) => !isBlank(byte));
  const newline = text.indexOf(0x0a, begin);
  if (begin < 0 || newline < 0) return false;
  try {
    const scanner = new JsonScanner('values');
    const records = [...scanner.push(text.subarray(begin, newline)), ...scanner.end()];
    return records.length === 1 && !mayHoldLists(records[0] as Buffer);
  } catch (error) {
    if (error instanceof JsonError) return false;
    throw error;
  }
}

/** The first character that is no white space; empty where there is none. */
export function firstByte(head: Buffer): string {
  const text = head.subarray(byteOrderMarkLength(head));
  const byte = text.find((byte) => !isBlank(byte));
  return byte === undefined ? '' : String.fromCharCode(byte);
}

const isBlank = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

/** Whether an object is one of lists of records, such as {"train": […], "test": […]}. What is too long for a record can be nothing else. */
function mayHoldLists(bytes: Buffer): boolean {
  if (bytes.length > MAX_RECORD_BYTES) return true;
  const fields = rawFields(bytes.toString());
  if (fields === undefined || fields.length === 0) return false;
  // One pair of conversations looks like an object of lists, too.
  if (fields.some(({ name }) => name === 'chosen' || name === 'chosen_messages')) return false;
  // What begins with an object is no list of names or numbers; the records are looked at one by one.
  return fields.every(({ value }) => value === '[]' || value.startsWith('[{'));
}
