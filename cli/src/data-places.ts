import { AlphapoError } from '@alphapo/base';
import { chooseFiles, type FileRecord, type LeftOut, type ReadOptions, readFiles, readRecords } from '@alphapo/data';
import { openDataset } from '@alphapo/hub';
import type { DataSource } from './data-options.ts';
import { fromHub } from './hub-options.ts';

/** `hf:owner/name`, perhaps with a revision and a part. Revisions have slashes in them, too: refs/convert/parquet. */
const HUB_PLACE = /^hf:(?<repository>[\w.-]+\/[\w.-]+)(?:@(?<revision>[^@:]+))?(?::(?<part>.+))?$/;
const SCHEME = 'hf:';

const AS_THEY_ARE: DataSource = { columns: {}, hub: { endpoint: undefined, token: undefined } };

/**
 * The records of all places of --data: files, folders, and data sets of a hub. `onNote` is told what is read, what is not, and how many
 * records were left out and why. Errors: those of readRecords and of the hub, INVALID_DATA_PLACE.
 */
export async function* readPlaces(
  places: readonly string[],
  { columns, hub }: DataSource = AS_THEY_ARE,
  onNote: (note: string) => void = (note) => process.stderr.write(`${note}\n`),
): AsyncGenerator<FileRecord> {
  const leftOut = new Map<LeftOut, number>();
  const options: ReadOptions = {
    columns,
    onNote,
    onLeftOut: (why) => void leftOut.set(why, (leftOut.get(why) ?? 0) + 1),
  };
  for (const place of places) {
    if (place.startsWith(SCHEME)) yield* recordsOfHub(place, hub, options);
    else yield* readRecords(place, options);
  }
  if (leftOut.size > 0) onNote(`left out ${[...leftOut].map(([why, count]) => `${count} (${why})`).join(', ')}`);
}

async function* recordsOfHub(
  place: string,
  access: DataSource['hub'],
  options: ReadOptions,
): AsyncGenerator<FileRecord> {
  const { repository, revision = 'main', part } = HUB_PLACE.exec(place)?.groups ?? {};
  if (repository === undefined) {
    const form = 'write hf:owner/name, hf:owner/name@revision or hf:owner/name:config/split';
    throw new AlphapoError('invalid-argument', 'INVALID_DATA_PLACE', `${place} is not a data set on a hub: ${form}`);
  }
  const onNote = options.onNote ?? (() => {});
  const named = revision === 'main' ? `${SCHEME}${repository}` : `${SCHEME}${repository}@${revision}`;
  const names = await fromHub(access, onNote, async (settings) => {
    const dataset = await openDataset({ ...settings, repository, revision });
    onNote(`${named}: commit ${dataset.commit}`);
    const { paths, notes } = chooseFiles(named, dataset, { part });
    for (const note of notes) onNote(note);
    const files = await dataset.fetch(paths);
    return new Map(files.map((file, i) => [file, `${SCHEME}${repository}@${dataset.commit}/${paths[i]}`]));
  });
  // By commit: the same on every machine, permanently.
  const records = readFiles([...names.keys()], options);
  for await (const record of records) yield { ...record, file: names.get(record.file) ?? record.file };
}
