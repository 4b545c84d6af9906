import type { ColumnOptions, Winner } from '@alphapo/data';
import { type Command, InvalidArgumentError } from 'commander';
import { addHubOptions, type HubAccess, type HubValues, hubAccess } from './hub-options.ts';

/** Options of every command that reads preference pairs, beside --data. */
export interface DataValues extends HubValues {
  readonly columns?: ReadonlyMap<string, string>;
  readonly winner?: Winner;
  readonly minMargin?: number;
  readonly weight?: string;
  readonly ignoreFields?: readonly string[];
}

/** What --data takes, for help. */
export const DATA_PLACES =
  'preference pairs: files (.jsonl, .json, .csv, .tsv, .parquet, each with gzip or zstd), folders, or hf:owner/name[@revision][:config/split]';

/** Adds --columns, --winner, --min-margin, --weight, --ignore-fields, and the options of hubs. */
export function addDataOptions(command: Command): Command {
  return addHubOptions(command)
    .option('--columns <field=column,…>', 'map columns to fields: prompt=question,chosen=answer_a', parseColumns)
    .option(
      '--winner <column>',
      'column with the better response; --columns maps the first to chosen and the second to rejected. For values other than 1, 2, a, b, model_a, model_b, tie: COLUMN=FIRST,SECOND,TIE',
      parseWinner,
    )
    .option('--min-margin <number>', 'drop pairs whose scores differ by less than this', parseMargin)
    .option('--weight <column>', "column with the pair's weight in the loss")
    .option('--ignore-fields <names>', 'more fields to ignore, separated by commas', parseNames);
}

/** How records become pairs, and how hubs are reached. Errors: NO_TOKEN_FILE. */
export interface DataSource {
  readonly columns: ColumnOptions;
  readonly hub: HubAccess;
}

export async function dataSourceOf(values: DataValues): Promise<DataSource> {
  const { columns, winner, minMargin, weight, ignoreFields } = values;
  return {
    columns: {
      ...(columns !== undefined && { columns }),
      ...(winner !== undefined && { winner }),
      ...(minMargin !== undefined && { minMargin }),
      ...(weight !== undefined && { weight }),
      ...(ignoreFields !== undefined && { ignoreFields }),
    },
    hub: await hubAccess(values),
  };
}

/** `prompt=question,chosen=answer_a`; the option may be given several times. */
export function parseColumns(
  text: string,
  before: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const columns = new Map(before);
  for (const pair of parseNames(text)) {
    const [, field, column] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
    if (field === undefined || column === undefined) {
      throw new InvalidArgumentError(`"${pair}" must be FIELD=COLUMN, such as prompt=question.`);
    }
    if (columns.has(field)) throw new InvalidArgumentError(`${field} is given twice.`);
    columns.set(field, column);
  }
  return columns;
}

/** `winner`, or `winner=1,2,0`: what stands for the first response, the second, and a tie. */
export function parseWinner(text: string): Winner {
  const [column = '', ...rest] = text.split('=');
  if (column === '') throw new InvalidArgumentError('It must be a column.');
  if (rest.length === 0) return { column };
  const [first, second, tie, ...more] = rest.join('=').split(',');
  if (!first || !second || first === second || more.length > 0) {
    throw new InvalidArgumentError('It must be COLUMN=FIRST,SECOND or COLUMN=FIRST,SECOND,TIE, such as winner=0,1,2.');
  }
  return { column, values: { first, second, ...(tie !== undefined && { tie }) } };
}

function parseMargin(text: string): number {
  const margin = Number(text);
  if (text.trim() !== '' && margin >= 0 && Number.isFinite(margin)) return margin;
  throw new InvalidArgumentError('It must be a number from 0 on, such as 0.5.');
}

function parseNames(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name !== '')) return names;
  throw new InvalidArgumentError('It must be names separated by commas.');
}
