import { parsePreference, pythonJson, recordOf } from '@alphapo/data';
import { Command } from 'commander';
import { addDataOptions, DATA_PLACES, type DataValues, dataSourceOf } from '../data-options.ts';
import { readPlaces } from '../data-places.ts';
import { examples } from '../help.ts';
import { LineFile } from '../line-file.ts';
import { recordLine } from '../record-line.ts';

const DESCRIPTION = `Write preference pairs as JSON lines in one form: prompt, chosen and rejected, as text, chat messages or token ids; with id,
weight and tools if a pair has them.

Reads every form and file that train reads. Pairs keep their meaning; fields that do not affect training are dropped. Rejected
records are listed on standard error; --refused writes them to a file.`;

const EXAMPLES = `
Examples:
  alphapo convert votes.csv --columns prompt=question,chosen=a,rejected=b --winner vote --out pairs.jsonl
  alphapo convert hf:owner/name --out - | head -3`;

/** Refused records that are named; all are counted. */
const MOST_NAMED = 20;

interface ConvertOptions extends DataValues {
  readonly out: string;
  readonly refused?: string;
}

export function convertCommand(): Command {
  const command = new Command('convert')
    .summary('convert pairs of any form to JSON lines')
    .description(DESCRIPTION)
    .argument('<data...>', DATA_PLACES)
    .requiredOption('--out <file>', 'output file; - for standard output')
    .option('--refused <file>', 'file for rejected records, unchanged, one per line')
    .addHelpText('after', examples(EXAMPLES))
    .action(convert);
  return addDataOptions(command);
}

async function convert(data: readonly string[], options: ConvertOptions): Promise<void> {
  const source = await dataSourceOf(options);
  await using pairs = await LineFile.open(options.out);
  await using refused = options.refused === undefined ? undefined : await LineFile.open(options.refused);
  const counts = { written: 0, refused: 0 };
  for await (const { bytes, file, line } of readPlaces(data, source)) {
    const parsed = parsePreference(bytes, { ignoreFields: options.ignoreFields ?? [] });
    if (parsed.ok) {
      counts.written++;
      await pairs.write(`${pythonJson(recordOf(parsed.preference))}\n`);
      continue;
    }
    counts.refused++;
    await refused?.write(recordLine(bytes));
    if (counts.refused > MOST_NAMED) continue;
    process.stderr.write(`refused ${file}:${line}: ${parsed.reason}: ${parsed.message}\n`);
  }
  await pairs.flush();
  await refused?.flush();
  process.stderr.write(`wrote ${counts.written} pairs, refused ${counts.refused} records\n`);
  if (counts.written === 0) process.exitCode = 1;
}
