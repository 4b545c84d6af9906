import { matchesGlob } from 'node:path/posix';
import { AlphapoError } from '@alphapo/base';
import { type CardConfig, configsOfCard } from './data-card.ts';
import { isDataName } from './file-kind.ts';

/** Which files of a folder or of a data set of a hub are read, by the rules of Hugging Face's `datasets`. */

/** What is asked for of a data set with several configurations or splits. */
export interface Selection {
  /** `CONFIG`, `SPLIT` or `CONFIG/SPLIT`; undefined: the only or default configuration, and its split `train`. */
  readonly part: string | undefined;
}

export interface ChosenFiles {
  /** Paths from the folder, in the order of reading. */
  readonly paths: readonly string[];
  /** What is there and not read, for people. */
  readonly notes: readonly string[];
}

/** Files that describe data, and are none. */
const DESCRIPTIONS =
  /^(?:dataset_infos?|dataset_dict|state|config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|package|package-lock|tsconfig)\.json$/i;
const TRAIN = 'train';
/** Splits by what they are called in the names of folders and files. */
const SPLITS: readonly (readonly [split: string, names: string])[] = [
  [TRAIN, 'train|training'],
  ['validation', 'validation|valid|dev|val'],
  ['test', 'test|testing|eval|evaluation'],
];
/** data/SPLIT-00000-of-00005.parquet, with splits of any name. */
const NUMBERED = /(?:^|\/)data\/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}[^/]*\.[^/]+$/;

type Splits = ReadonlyMap<string, readonly string[]>;

/**
 * Chooses among paths (from the folder, with `/`), by the README.md of a data set where it says what is where, else by names. Errors: DATA_EMPTY
 * where there is no file of records, DATA_PART_UNKNOWN where there are several parts and none or another one was asked for.
 */
export function chooseFiles(
  place: string,
  { paths, card }: { readonly paths: readonly string[]; readonly card: string | undefined },
  { part }: Selection,
): ChosenFiles {
  const visible = paths.filter(
    (path) => !path.split('/').some((name) => name.startsWith('.') || name.startsWith('__')),
  );
  const data = visible.filter((path) => isDataName(path) && !DESCRIPTIONS.test(nameOf(path))).toSorted(byName);
  if (data.length === 0 || isModel(visible)) throw nothingToRead(place, visible);
  const declared = card === undefined ? [] : configsOfCard(card);
  const configs = declared.length === 0 ? configsOfConverted(data) : declared;
  const { config, split } = partsOf(place, { configs, part }, data);
  const splits = splitsOf(config, data);
  const chosen = splits.get(split ?? defaultSplit(place, config, splits));
  if (chosen === undefined || chosen.length === 0) throw unknownPart(place, part ?? '', [...splits.keys()]);
  return { paths: chosen, notes: notesOn({ place, paths, data, splits, chosen }) };
}

function partsOf(
  place: string,
  { configs, part }: { readonly configs: readonly CardConfig[]; readonly part: string | undefined },
  data: readonly string[],
): { readonly config: CardConfig | undefined; readonly split: string | undefined } {
  const named = (name: string) => configs.find(({ config_name }) => config_name === name);
  const [first, second] =
    part === undefined ? [] : [part.split('/', 1)[0] as string, part.split('/').slice(1).join('/')];
  if (first !== undefined && second) {
    const config = named(first);
    if (config === undefined && !(configs.length === 0 && first === 'default')) {
      throw unknownPart(
        place,
        part ?? '',
        configs.map(({ config_name }) => config_name),
      );
    }
    return { config, split: second };
  }
  if (first !== undefined) {
    const config = named(first);
    if (config !== undefined) return { config, split: undefined };
  }
  const config = configs.length > 1 ? defaultConfig(configs) : configs[0];
  if (config === undefined && configs.length > 1) {
    throw unknownPart(
      place,
      part ?? '',
      configs.map(({ config_name }) => config_name),
    );
  }
  if (first !== undefined && !splitsOf(config, data).has(first)) {
    const known = [...configs.map(({ config_name }) => config_name), ...splitsOf(config, data).keys()];
    throw unknownPart(place, first, known);
  }
  return { config, split: first };
}

/** CONFIG/SPLIT/0000.parquet: how the hub keeps its own Parquet of a data set, in the branch refs/convert/parquet. */
const CONVERTED = /^([^/]+)\/(?:partial-)?([^/]+)\/\d{4}\.parquet$/;

function configsOfConverted(data: readonly string[]): readonly CardConfig[] {
  if (!data.every((path) => CONVERTED.test(path))) return [];
  const names = new Set(data.map((path) => CONVERTED.exec(path)?.[1] as string));
  return [...names].map((config_name) => {
    const ofConfig = data.filter((path) => CONVERTED.exec(path)?.[1] === config_name);
    const splits = Map.groupBy(ofConfig, (path) => CONVERTED.exec(path)?.[2] as string);
    return { config_name, data_files: [...splits].map(([split, paths]) => ({ split, paths })) };
  });
}

const defaultConfig = (configs: readonly CardConfig[]) =>
  configs.find((config) => config.default === true) ?? configs.find(({ config_name }) => config_name === 'default');

function defaultSplit(place: string, config: CardConfig | undefined, splits: Splits): string {
  if (splits.has(TRAIN)) return TRAIN;
  const [only, ...others] = splits.keys();
  if (only !== undefined && others.length === 0) return only;
  const prefix = config === undefined || config.config_name === 'default' ? '' : `${config.config_name}/`;
  throw unknownPart(
    place,
    '',
    [...splits.keys()].map((split) => `${prefix}${split}`),
  );
}

function splitsOf(config: CardConfig | undefined, data: readonly string[]): Splits {
  const directory = config?.data_dir?.replace(/^\.?\/+|\/+$/g, '');
  const below =
    directory === undefined || directory === '' ? data : data.filter((path) => path.startsWith(`${directory}/`));
  if (config?.data_files === undefined) return splitsByName(below);
  const found = config.data_files.map(({ split, paths }) => {
    const patterns = paths.map((pattern) => (directory ? `${directory}/${pattern}` : pattern).replace(/^\.\//, ''));
    return [
      split,
      below.filter((path) => patterns.some((pattern) => path === pattern || matchesGlob(path, pattern))),
    ] as const;
  });
  return new Map(found.filter(([, files]) => files.length > 0));
}

/** Splits by the names of numbered files, else of folders, else of files; without such names all is for training. */
function splitsByName(data: readonly string[]): Splits {
  const byNumber = (path: string) => NUMBERED.exec(path)?.[1];
  const byFolder = (path: string) => splitIn(path.split('/').slice(0, -1));
  const byFile = (path: string) => splitIn([nameOf(path)]);
  for (const rule of [byNumber, byFolder, byFile]) {
    const splits = Map.groupBy(data, (path) => rule(path) ?? '');
    const unnamed = splits.get('') ?? [];
    splits.delete('');
    if (splits.size === 0) continue;
    // Files of no split beside a test split are what is trained on; beside a train split they are something else.
    if (unnamed.length > 0 && !splits.has(TRAIN)) splits.set(TRAIN, unnamed);
    return splits;
  }
  return new Map([[TRAIN, data]]);
}

function splitIn(names: readonly string[]): string | undefined {
  return SPLITS.find(([, words]) => {
    const pattern = new RegExp(`(?:^|[-._ 0-9])(?:${words})(?:[-._ 0-9]|$)`, 'i');
    return names.some((name) => pattern.test(name));
  })?.[0];
}

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
/** By code units, as sorting in other programs does it, whatever the language of the machine. */
const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

const MANY = 6;

function some(names: readonly string[]): string {
  const shown = names.slice(0, MANY).join(', ');
  return names.length > MANY ? `${shown} and ${names.length - MANY} more` : shown;
}

function notesOn({
  place,
  paths,
  data,
  splits,
  chosen,
}: {
  readonly place: string;
  readonly paths: readonly string[];
  readonly data: readonly string[];
  readonly splits: Splits;
  readonly chosen: readonly string[];
}): string[] {
  const read = new Set(chosen);
  const others = paths.filter((path) => !data.includes(path)).toSorted(byName);
  const unread = data.filter((path) => !read.has(path));
  const otherSplits = [...splits].filter(([, files]) => !files.some((path) => read.has(path))).map(([split]) => split);
  return [
    `${place}: reads ${some(chosen)}`,
    ...(others.length === 0 ? [] : [`${place}: skips ${some(others)}, which hold no records`]),
    ...(unread.length === 0 ? [] : [`${place}: leaves out ${some(unread)}${hint(place, otherSplits)}`]),
  ];
}

const hint = (place: string, splits: readonly string[]) =>
  splits.length === 0 ? '' : `; other splits: ${splits.map((split) => `${place}:${split}`).join(', ')}`;

function unknownPart(place: string, part: string, known: readonly string[]): AlphapoError {
  const asked = part === '' ? 'has several parts' : `has no part ${part}`;
  const names = known.map((name) => `${place}:${name}`).join(', ');
  return new AlphapoError('invalid-argument', 'DATA_PART_UNKNOWN', `${place} ${asked}; choose one of ${names}`);
}

const isModel = (paths: readonly string[]) =>
  paths.includes('config.json') && paths.some((path) => /^[^/]+\.(?:safetensors|bin|gguf)$/.test(path));

/** Says what the files are, where they are known. */
function nothingToRead(place: string, paths: readonly string[]): AlphapoError {
  const has = (pattern: RegExp) => paths.some((path) => pattern.test(path));
  if (isModel(paths)) {
    return unreadable(place, 'is a model; pass it with --model, and preference pairs with --data');
  }
  if (has(/\.arrow$/)) {
    const advice = 'ds = datasets.load_from_disk("FOLDER"); ds.to_parquet("pairs.parquet")';
    return unreadable(place, `contains Arrow files, as save_to_disk writes them; write Parquet, as in ${advice}`);
  }
  if (has(/\.py$/)) {
    const advice = place.startsWith('hf:')
      ? `the hub may have its rows as Parquet: ${place.split('@')[0]}@refs/convert/parquet`
      : 'write its pairs to a file of records';
    return unreadable(place, `is generated by a Python script, which is not run: ${advice}`);
  }
  const there = paths.length === 0 ? 'it is empty' : `it has ${some(paths)}`;
  return new AlphapoError(
    'invalid-argument',
    'DATA_EMPTY',
    `${place} has no files of records (.jsonl, .json, .csv, .tsv, .parquet): ${there}`,
  );
}

const unreadable = (place: string, problem: string) =>
  new AlphapoError('invalid-argument', 'DATA_FORMAT_UNKNOWN', `${place} ${problem}`);
