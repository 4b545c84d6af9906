import { AlphapoError, MAX_RECORD_BYTES } from '@alphapo/base';
import { type RawField, rawFields, stringOf, textOfFields } from './lossless-json.ts';
import type { FileRecord } from './reading/file-record.ts';

/** How columns become fields of records. */
export interface ColumnOptions {
  /** Columns by the names of fields that they become, as in prompt → question. */
  readonly columns?: ReadonlyMap<string, string>;
  /** The column of votes: which of the two responses won. The fields chosen and rejected are the first and the second of them. */
  readonly winner?: Winner;
  /** Least distance between the scores of chosen and rejected. */
  readonly minMargin?: number;
  /** The column that becomes the pair's weight. */
  readonly weight?: string;
  /** Columns that are taken out of the records. */
  readonly ignoreFields?: readonly string[];
}

export interface Winner {
  readonly column: string;
  /** What the column says of the first response, of the second, and of a tie, where these are not the usual words. */
  readonly values?: { readonly first: string; readonly second: string; readonly tie?: string };
}

/** Why a record that can be read is not used. */
export type LeftOut = 'tie' | 'no vote' | 'no scores' | 'below the margin' | 'no weight';

/** Votes as they are written; 0 is not among them, because it is a tie for some, and the first of two for others. */
const FIRST = new Set(['1', 'a', 'model_a', 'response_a', 'answer_a', 'response1', 'first', 'left', 'chosen']);
const SECOND = new Set(['2', 'b', 'model_b', 'response_b', 'answer_b', 'response2', 'second', 'right', 'rejected']);
const TIE = new Set(['tie', 'both', 'neither', 'equal', 'same', 'draw', 'bothbad', 'both_bad', 'tie (bothbad)']);
const NO_VOTE = new Set(['', 'none', 'null', 'nan']);

/** Scores of the two responses, by the names that data sets have for them. */
const SCORES: readonly (readonly [chosen: string, rejected: string])[] = [
  'score',
  'rating',
  'reward',
  'avg_rating',
].flatMap(
  (name) =>
    [
      [`${name}_chosen`, `${name}_rejected`],
      [`chosen_${name}`, `rejected_${name}`],
      [`chosen-${name}`, `rejected-${name}`],
    ] as const,
);
const MARGINS = ['margin', 'score_margin', 'score_diff', 'score_difference'];

/** Whether records stay as they are. */
export function changesNothing({ columns, winner, minMargin, weight, ignoreFields }: ColumnOptions): boolean {
  const renames = (columns?.size ?? 0) > 0 || (ignoreFields?.length ?? 0) > 0;
  return !renames && winner === undefined && minMargin === undefined && weight === undefined;
}

/**
 * Renames, swaps and weighs the fields of records; everything else keeps its bytes. A record that is not a JSON object is passed on unchanged,
 * for the parser to reject. `onLeftOut` is called for each record that is left out. Errors: UNKNOWN_COLUMN
 * and WINNER_UNKNOWN with the record and what there is.
 */
export class ColumnMapping {
  readonly #options: ColumnOptions;
  readonly #onLeftOut: (why: LeftOut, record: FileRecord) => void;
  /** Files whose first record had the columns that are needed; later records may lack some. */
  readonly #checked = new Set<string>();

  constructor(options: ColumnOptions, onLeftOut: (why: LeftOut, record: FileRecord) => void) {
    this.#options = options;
    this.#onLeftOut = onLeftOut;
  }

  /** Undefined where the record is left out. */
  apply(record: FileRecord): FileRecord | undefined {
    if (changesNothing(this.#options) || record.bytes.length > MAX_RECORD_BYTES) return record;
    const fields = fieldsOf(record.bytes);
    if (fields === undefined) return record;
    const mapped = this.#mapped(fields, record);
    if (typeof mapped !== 'string') return { ...record, bytes: Buffer.from(textOfFields([...mapped].map(toField))) };
    this.#onLeftOut(mapped, record);
    return undefined;
  }

  #mapped(raw: readonly RawField[], record: FileRecord): Map<string, string> | LeftOut {
    const { winner, minMargin, weight, ignoreFields = [] } = this.#options;
    const given = new Map(raw.map(({ name, value }) => [name, value]));
    this.#checkColumns(given, record);
    let fields = renamed(given, this.#options.columns ?? new Map());
    const vote = winner === undefined ? undefined : voteOf(winner, given, record);
    if (vote === 'tie' || vote === 'no vote') return vote;
    if (vote === 'second') fields = swapped(fields);
    if (winner !== undefined) fields.delete(winner.column);
    const margin = minMargin === undefined ? undefined : marginOf(fields, record);
    if (margin === 'no scores') return margin;
    if (minMargin !== undefined && margin !== undefined && margin < minMargin) return 'below the margin';
    if (weight !== undefined) {
      const value = given.get(weight);
      if (value === undefined || value === 'null') return 'no weight';
      if (!isField(weight, this.#options)) fields.delete(weight);
      fields.set('weight', numberOf(value) ?? value);
    }
    for (const name of ignoreFields) fields.delete(name);
    return fields;
  }

  /** A column that the first record of a file lacks is a mistake in the command, or in the choice of the file. */
  #checkColumns(given: ReadonlyMap<string, string>, { file, line }: FileRecord): void {
    if (this.#checked.has(file)) return;
    const { columns = new Map<string, string>(), winner, weight } = this.#options;
    const needed = [
      ...[...columns].map(([field, column]) => [column, `--columns ${field}=${column}`] as const),
      ...(winner === undefined ? [] : [[winner.column, `--winner ${winner.column}`] as const]),
      ...(weight === undefined ? [] : [[weight, `--weight ${weight}`] as const]),
    ];
    const missing = needed.find(([column]) => !given.has(column));
    if (missing !== undefined) {
      const [column, option] = missing;
      const problem = `${file}:${line} has no column ${column} (${option}); it has ${[...given.keys()].join(', ')}`;
      throw new AlphapoError('invalid-argument', 'UNKNOWN_COLUMN', problem);
    }
    this.#checked.add(file);
  }
}

const toField = ([name, value]: readonly [string, string]): RawField => ({ name, value });

function fieldsOf(bytes: Uint8Array): RawField[] | undefined {
  try {
    return rawFields(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Whether a column becomes a field by --columns too, and must stay. */
const isField = (name: string, { columns }: ColumnOptions) => columns?.has(name) === true || name === 'weight';

/**
 * Takes each mapped field from its column only; without the column, the field is missing too. A null prompt becomes an empty one, because
 * without a prompt the common beginning of the responses would be taken.
 */
function renamed(given: ReadonlyMap<string, string>, columns: ReadonlyMap<string, string>): Map<string, string> {
  const used = new Set(columns.values());
  const fields = new Map([...given].filter(([name]) => !used.has(name) && !columns.has(name)));
  for (const [field, column] of columns) {
    const value = given.get(column);
    if (value !== undefined) fields.set(field, field === 'prompt' && value === 'null' ? '""' : value);
  }
  return fields;
}

function voteOf(
  { column, values }: Winner,
  given: ReadonlyMap<string, string>,
  { file, line }: FileRecord,
): 'first' | 'second' | 'tie' | 'no vote' {
  const raw = given.get(column) ?? 'null';
  const said = (stringOf(raw) ?? raw).trim();
  if (values !== undefined) {
    if (said === values.first) return 'first';
    if (said === values.second) return 'second';
    if (said === values.tie) return 'tie';
  } else {
    const word = said.toLowerCase().replace(/^(\d+)\.0+$/, '$1');
    if (FIRST.has(word)) return 'first';
    if (SECOND.has(word)) return 'second';
    if (TIE.has(word)) return 'tie';
  }
  if (NO_VOTE.has(said.toLowerCase())) return 'no vote';
  const known =
    values === undefined ? '1, 2, a, b, model_a, model_b and tie are known' : 'that is none of the given values';
  throw new AlphapoError(
    'invalid-argument',
    'WINNER_UNKNOWN',
    `${file}:${line}: ${column} is ${said.slice(0, 100)}; ${known}; set the values for the first response, the second and a tie, as in --winner ${column}=1,2,0`,
  );
}

/** What belongs to the two responses changes sides: chosen and rejected, and all fields that are named after them. */
function swapped(fields: ReadonlyMap<string, string>): Map<string, string> {
  return new Map(
    [...fields].flatMap(([name, value]) => {
      const other = name.includes('chosen')
        ? name.replace('chosen', 'rejected')
        : name.includes('rejected')
          ? name.replace('rejected', 'chosen')
          : undefined;
      if (other === undefined) return [[name, value]];
      const swappedValue = fields.get(other);
      return swappedValue === undefined ? [[other, value]] : [[name, swappedValue]];
    }),
  );
}

function marginOf(fields: ReadonlyMap<string, string>, { file, line }: FileRecord): number | 'no scores' {
  const pair = SCORES.find(([chosen, rejected]) => fields.has(chosen) && fields.has(rejected));
  if (pair !== undefined) {
    const [chosen, rejected] = pair.map((name) => numberOf(fields.get(name) as string));
    return chosen === undefined || rejected === undefined ? 'no scores' : Number(chosen) - Number(rejected);
  }
  const margin = MARGINS.find((name) => fields.has(name));
  if (margin !== undefined) {
    const value = numberOf(fields.get(margin) as string);
    return value === undefined ? 'no scores' : Number(value);
  }
  throw new AlphapoError(
    'invalid-argument',
    'UNKNOWN_COLUMN',
    `${file}:${line} has no scores for --min-margin (score_chosen and score_rejected, or margin); map them, as in --columns score_chosen=COLUMN,score_rejected=COLUMN; it has ${[...fields.keys()].join(', ')}`,
  );
}

const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

/** The text of a number, which tables have as text; undefined where it is none. */
function numberOf(value: string): string | undefined {
  const text = (stringOf(value) ?? value).trim();
  return NUMBER.test(text) && Number.isFinite(Number(text)) ? String(Number(text)) : undefined;
}
