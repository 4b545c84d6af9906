import { Command } from 'commander';
import { deadLetterJson, describeCounts, describeDeadLetter } from '../dead-letters/dead-letter-text.ts';
import { type RejectedRecord, readDeadLetters } from '../dead-letters/read-dead-letters.ts';
import { LineFile } from '../line-file.ts';
import { addRunPlaceOptions, openRunLedger, type RunPlaceOptions } from '../lineage/run-place.ts';
import { count } from '../numbers.ts';
import { recordLine } from '../record-line.ts';
import { stopSignal } from '../terminal.ts';

const DESCRIPTION = `List records that could not be trained on, with reason, origin and first characters. Nothing is removed.

To train on them, write them to a file (--out), correct it, and send it with alphapo produce.`;

const EXAMPLES = `
Examples:
  alphapo dead-letters --run run
  alphapo dead-letters --run run --reason UNKNOWN_TOKEN --out corrected.jsonl
  alphapo dead-letters --brokers localhost:9092 --json | jq -r .reason`;

const DEFAULT_SHOWN = 20;

interface DeadLettersOptions extends RunPlaceOptions {
  readonly reason?: string;
  readonly limit: number;
  readonly json?: boolean;
  readonly out?: string;
}

export function deadLettersCommand(): Command {
  const command = new Command('dead-letters')
    .summary('list records that could not be trained on')
    .description(DESCRIPTION)
    .option('--reason <reason>', 'only records rejected for this reason, e.g. UNKNOWN_FIELD')
    .option('--limit <n>', 'number of records to show; 0: all', count, DEFAULT_SHOWN)
    .option('--json', 'one JSON line per record, for all records')
    .option('--out <file>', 'write the original records to this file, one per line')
    .addHelpText('after', EXAMPLES)
    .action(list);
  return addRunPlaceOptions(command);
}

async function list(options: DeadLettersOptions): Promise<void> {
  await using ledger = await openRunLedger(options);
  const counts = new Map<string, number>();
  const letters = wanted(readDeadLetters(ledger, stopSignal()), options.reason, counts);
  if (options.out !== undefined) await writeRecords(letters, options.out);
  else if (options.json) for await (const letter of letters) process.stdout.write(deadLetterJson(letter));
  else await show(letters, options.limit);
  const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
  if (options.json && options.out === undefined) return;
  if (options.out !== undefined) process.stderr.write(`wrote ${total} records to ${options.out}\n`);
  process.stdout.write(total === 0 ? 'no dead letters\n' : describeCounts(counts));
}

async function* wanted(
  letters: AsyncIterable<RejectedRecord>,
  reason: string | undefined,
  counts: Map<string, number>,
): AsyncGenerator<RejectedRecord> {
  for await (const one of letters) {
    if (reason !== undefined && one.letter.reason !== reason) continue;
    counts.set(one.letter.reason, (counts.get(one.letter.reason) ?? 0) + 1);
    yield one;
  }
}

async function show(letters: AsyncIterable<RejectedRecord>, limit: number): Promise<void> {
  let shown = 0;
  for await (const letter of letters) {
    if (limit === 0 || shown < limit) process.stdout.write(`${describeDeadLetter(letter)}\n`);
    shown++;
  }
  if (limit > 0 && shown > limit) process.stdout.write(`… and ${shown - limit} more: --limit 0 shows all\n\n`);
}

async function writeRecords(letters: AsyncIterable<RejectedRecord>, file: string): Promise<void> {
  await using records = await LineFile.open(file);
  for await (const { bytes } of letters) await records.write(recordLine(bytes));
  await records.flush();
}
