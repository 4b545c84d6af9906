import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AlphapoError, MAX_RECORD_BYTES, messageOf } from '@alphapo/base';
import { CsvError, type Info, parse } from 'csv-parse';
import type { FileRecord } from './file-record.ts';
import type { Source } from './source.ts';

/** Fields in which an empty cell is an empty text; elsewhere it is null. */
const TEXTS = new Set(['prompt', 'question', 'query', 'instruction', 'problem', 'user', 'chosen', 'rejected']);
const SEPARATORS = [',', ';', '\t'];

/**
 * The rows of a table with a header, as objects of text: JSON in a cell stays text. `line` counts the rows after the header. Quoted cells may have newlines;
 * an empty cell is null, but in a prompt or a response. Errors: DATA_DAMAGED with the row, DATA_NOT_UTF8.
 */
export async function* delimited(source: Source, file: string, kind: 'csv' | 'tsv'): AsyncGenerator<FileRecord> {
  const declared = declaredSeparator(source.head);
  const parser = parse({
    delimiter: declared ?? (kind === 'tsv' ? '\t' : separatorOf(source.head)),
    from_line: declared === undefined ? 1 : 2,
    info: true,
    max_record_size: MAX_RECORD_BYTES,
    // A quote inside of an unquoted cell is one, as in: 5" disk.
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
  });
  // Errors surface in the parser, which is read below.
  const feeding = pipeline(Readable.from(decoded(source, file)), parser).catch(() => {});
  let header: readonly string[] | undefined;
  let line = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      if (header === undefined) {
        header = checkedHeader(record, file);
        continue;
      }
      line++;
      if (record.length !== header.length) throw wrongWidth(file, { line, info, record, header });
      yield { bytes: Buffer.from(JSON.stringify(rowOf(header, record))), file, line };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw damaged(file, `row ${line + 1} cannot be read: ${explain(error)}`, error);
  } finally {
    parser.destroy();
    await feeding;
  }
}

const rowOf = (header: readonly string[], cells: readonly string[]) =>
  Object.fromEntries(header.map((name, i) => [name, cells[i] === '' && !TEXTS.has(name) ? null : cells[i]]));

/** What Excel reads and writes as the first line: `sep=;`. */
function declaredSeparator(head: Buffer): string | undefined {
  return /^\ufeff?sep=([^\r\n])\r?\n/i.exec(head.toString())?.[1];
}

/** Files named .csv use semicolons in countries with decimal commas. */
function separatorOf(head: Buffer): string {
  const [header = ''] = head.toString().split('\n', 1);
  const counts = SEPARATORS.map((separator) => header.split(separator).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))] as string;
}

/** Decodes UTF-8 strictly: otherwise a table in another encoding would lose characters silently. */
async function* decoded(source: Source, file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let read = 0;
  try {
    for await (const chunk of source.chunks) {
      yield decoder.decode(chunk, { stream: true });
      read += chunk.length;
    }
    yield decoder.decode();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    throw new AlphapoError(
      'data-loss',
      'DATA_NOT_UTF8',
      `${file} is not in UTF-8 after byte ${read}: save it as "CSV UTF-8", or convert it: iconv -f WINDOWS-1252 -t UTF-8`,
      { cause: error },
    );
  }
}

function checkedHeader(names: readonly string[], file: string): readonly string[] {
  const header = names.map((name) => name.trim());
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice === undefined) return header;
  throw damaged(file, `the header has the column ${JSON.stringify(twice)} twice: name each column once`);
}

function wrongWidth(
  file: string,
  row: { line: number; info: Info; record: readonly string[]; header: readonly string[] },
): AlphapoError {
  const { line, info, record, header } = row;
  const place = `row ${line} (it ends in line ${info.lines})`;
  const advice = 'put cells that have a separator, a quote or a newline in quotes';
  return damaged(file, `${place} has ${record.length} cells, and the header has ${header.length}: ${advice}`);
}

function explain(error: CsvError): string {
  if (error.code === 'CSV_MAX_RECORD_SIZE') {
    return `it is longer than ${MAX_RECORD_BYTES} characters; a quote before it may lack its end`;
  }
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return `${messageOf(error)}; end the quoted cell with a quote`;
  return `${messageOf(error)}; write a quote in a quoted cell twice`;
}

function damaged(file: string, problem: string, cause?: unknown): AlphapoError {
  return new AlphapoError('data-loss', 'DATA_DAMAGED', `${file}: ${problem}`, { cause });
}
