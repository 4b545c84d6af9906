import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AlphapoError, messageOf } from '@alphapo/base';
import { parsePreference, recordOf } from '@alphapo/data';
import { Command } from 'commander';
import { addDataOptions, DATA_PLACES, type DataValues, dataSourceOf } from '../data-options.ts';
import { readPlaces } from '../data-places.ts';
import { examples } from '../help.ts';
import { recordLine } from '../record-line.ts';

const DESCRIPTION = `Write preference pairs as JSON lines in AlphaPO's plainest form: prompt, chosen and rejected as text or as chat messages, or
token ids; with id, weight and tools where a pair has them.

Every form and file that train takes is read. The written pairs mean the same; fields that say nothing about what is
trained are left out. Records that cannot be used are named on standard error, and with --refused written to a file.`;

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
    .summary('write pairs of any form as JSON lines')
    .description(DESCRIPTION)
    .argument('<data...>', DATA_PLACES)
    .requiredOption('--out <file>', 'where the lines are written; - for standard output')
    .option('--refused <file>', 'where records that cannot be used are written, as they are, one per line')
    .addHelpText('after', examples(EXAMPLES))
    .action(convert);
  return addDataOptions(command);
}

async function convert(data: readonly string[], options: ConvertOptions): Promise<void> {
  const source = await dataSourceOf(options);
  const refused: string[] = [];
  const counts = { written: 0, refused: 0 };
  async function* lines(): AsyncGenerator<string> {
    for await (const { bytes, file, line } of readPlaces(data, source)) {
      const parsed = parsePreference(bytes, { ignoreFields: options.ignoreFields ?? [] });
      if (parsed.ok) {
        counts.written++;
        yield `${JSON.stringify(recordOf(parsed.preference))}\n`;
        continue;
      }
      counts.refused++;
      if (options.refused !== undefined) refused.push(recordLine(bytes));
      if (counts.refused > MOST_NAMED) continue;
      process.stderr.write(`refused ${file}:${line}: ${parsed.reason}: ${parsed.message}\n`);
    }
  }
  const target = options.out === '-' ? process.stdout : createWriteStream(options.out);
  await pipeline(Readable.from(lines()), target, { end: options.out !== '-' }).catch(unwritable(options.out));
  if (options.refused !== undefined) {
    await pipeline(Readable.from(refused), createWriteStream(options.refused)).catch(unwritable(options.refused));
  }
  process.stderr.write(`wrote ${counts.written} pairs, refused ${counts.refused} records\n`);
  if (counts.written === 0) process.exitCode = 1;
}

/** Errors of the system name the file; those of reading stay as they are. */
function unwritable(file: string) {
  return (error: unknown): never => {
    if (error instanceof AlphapoError || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new AlphapoError('invalid-argument', 'NOT_WRITABLE', `${file}: ${messageOf(error)}`, { cause: error });
  };
}
