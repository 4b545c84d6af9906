import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ColumnMapping, type ColumnOptions, type LeftOut } from '../columns.ts';
import { contentsOf } from './data-folder.ts';
import type { FileRecord } from './file-record.ts';
import { chooseFiles } from './layout.ts';
import { readFile } from './read-file.ts';
import { onFile } from './source.ts';

export interface ReadOptions {
  readonly columns?: ColumnOptions | undefined;
  /** Told what of a folder is read and what is not, a line at a time. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Told of each record that is left out because of `columns`. */
  readonly onLeftOut?: ((why: LeftOut, record: FileRecord) => void) | undefined;
}

/**
 * The records of a place: a file, or a folder of them, perhaps in the layout of Hugging Face's data sets. `FOLDER:CONFIG/SPLIT` chooses among
 * its parts. All records of all files stream, in the order of the files' names.
 *
 * Errors: DATA_NOT_FOUND, DATA_NOT_A_FILE, DATA_FORMAT_UNKNOWN, DATA_NOT_UTF8, DATA_DAMAGED, DATA_EMPTY, DATA_PART_UNKNOWN with the
 * file and the place in it; those of ColumnMapping.
 */
export async function* readRecords(place: string, options: ReadOptions = {}): AsyncGenerator<FileRecord> {
  yield* readFiles(await filesOf(place, options), options);
}

/** The records of files, one after another; as readRecords. */
export async function* readFiles(files: readonly string[], options: ReadOptions = {}): AsyncGenerator<FileRecord> {
  const mapping = new ColumnMapping(options.columns ?? {}, options.onLeftOut ?? (() => {}));
  for (const file of files) {
    for await (const record of readFile(file)) {
      const mapped = mapping.apply(record);
      if (mapped !== undefined) yield mapped;
    }
  }
}

/** The files of a place, in the order of reading. */
async function filesOf(place: string, { onNote }: ReadOptions): Promise<readonly string[]> {
  const { folder, part } = splitPlace(place);
  const status = await onFile(folder, () => stat(folder));
  if (!status.isDirectory()) return [folder];
  const { paths, notes } = chooseFiles(folder, await contentsOf(folder), { part });
  for (const note of notes) onNote?.(note);
  return paths.map((path) => join(folder, path));
}

/** FOLDER:PART, unless there is something of that whole name. */
function splitPlace(place: string): { readonly folder: string; readonly part: string | undefined } {
  const colon = place.lastIndexOf(':');
  if (colon <= 1 || existsSync(place)) return { folder: place, part: undefined };
  const folder = place.slice(0, colon);
  return existsSync(folder) ? { folder, part: place.slice(colon + 1) } : { folder: place, part: undefined };
}
