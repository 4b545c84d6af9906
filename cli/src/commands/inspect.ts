import { AlphapoError } from '@alphapo/base';
import { resolveRun } from '@alphapo/contracts';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { CHAT_TEMPLATE_CHOICES, TokenizerPool } from '@alphapo/tokenization';
import { Command } from 'commander';
import { addDataOptions, DATA_PLACES, type DataSource, type DataValues, dataSourceOf } from '../data-options.ts';
import { readPlaces } from '../data-places.ts';
import { examples } from '../help.ts';
import { describeLengths, describePairInColors } from '../inspect/inspection-text.ts';
import { modelFolder } from '../model-place.ts';
import { count, share } from '../numbers.ts';
import { addSettingsOptions, readSettings } from '../settings.ts';
import { describeData, describeTemplate, summarizeData } from '../training/data-summary.ts';
import { type DataPair, readDataset, type TokenizingOptions, tokenizedRecords } from '../training/dataset.ts';
import { decodePairs } from '../training/decoded-pair.ts';
import { holdOut, sharedPrompts } from '../training/hold-out.ts';

const DESCRIPTION = `Show how records are read and what the model sees. Nothing is written or trained.

Prints forms and fields, rejected records with reasons, lengths in tokens, pairs cut by the limits, repeated pairs, prompts
in both splits, the chat template, and some pairs in full.

With --json, prints one line per record, in order: {"line", "prompt", "chosen", "rejected"}, decoded with special tokens, or
{"line", "refused", "message"}; with several files also "file".`;

const EXAMPLES = `
Examples:
  alphapo inspect pairs.jsonl --model ./smollm2
  alphapo inspect hf:owner/name --model ./smollm2 --columns prompt=question
  alphapo inspect pairs.csv --model ./smollm2 --json | jq -r .refused | sort | uniq -c`;

const DEFAULT_SHOWN = 2;
const SETTINGS = ['maxLength', 'maxPromptLength', 'seed'];

interface InspectOptions extends Record<string, unknown>, DataValues {
  readonly model: string;
  readonly chatTemplate?: string;
  readonly evalData?: string[];
  readonly evalFraction?: number;
  readonly pairs: number;
  readonly json?: boolean;
}

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .summary('show how records are read and what the model sees')
    .description(DESCRIPTION)
    .argument('<data...>', DATA_PLACES)
    .requiredOption(
      '--model <folder>',
      'Hugging Face model folder (config.json and tokenizer), or owner/name on the hub',
    )
    .option('--chat-template <name>', CHAT_TEMPLATE_CHOICES)
    .option('--eval-data <places...>', 'held-out pairs')
    .option('--eval-fraction <share>', 'fraction of the data to hold out', share)
    .option('--pairs <n>', 'number of pairs to show in full', count, DEFAULT_SHOWN)
    .option('--json', 'one JSON line per record')
    .addHelpText('after', examples(EXAMPLES))
    .action(inspect);
  return addSettingsOptions(addDataOptions(command), SETTINGS);
}

async function inspect(data: readonly string[], options: InspectOptions): Promise<void> {
  if (options.evalData !== undefined && options.evalFraction !== undefined) {
    throw new AlphapoError('invalid-argument', 'INVALID_SETTING', 'give --eval-data or --eval-fraction, not both');
  }
  const settings = await readSettings(undefined, options);
  const source = await dataSourceOf(options);
  const model = await modelFolder(options.model, source.hub);
  const { lengths } = resolveRun(settings, runFacts(await readModelDefinition(model), 1)).specification;
  const how = { ...lengths, ignoreFields: options.ignoreFields ?? [] };
  await using tokenizer = await TokenizerPool.open(model, { chatTemplate: options.chatTemplate });
  if (options.json) return await printRecords(data, source, tokenizer, how);
  const read = (places: readonly string[]) => readDataset(readPlaces(places, source), tokenizer, how);
  const [own, held] = [await read(data), await read(options.evalData ?? [])];
  const rejected = [...own.rejected, ...held.rejected];
  const summary = summarizeData({ pairs: [...own.pairs, ...held.pairs], rejected });
  const lines = [...describeData(summary), ...describeTemplate(tokenizer.description.chatTemplate, summary)];
  lines.push(...describeSplit(own.pairs, held.pairs, { fraction: options.evalFraction, seed: settings.seed }));
  if (own.pairs.length > 0) lines.push('', ...describeLengths(own.pairs, lengths));
  const shown = own.pairs.slice(0, options.pairs);
  for (const [i, pair] of (await decodePairs(tokenizer, shown)).entries()) {
    lines.push('', ...describePairInColors(shown[i]?.origin ?? '', pair, process.stdout));
  }
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  if (own.pairs.length === 0) process.exitCode = 1;
}

/** How the data is split, and whether that leaves prompts on both sides. */
function describeSplit(
  pairs: readonly DataPair[],
  heldOut: readonly DataPair[],
  { fraction, seed }: { readonly fraction: number | undefined; readonly seed: number },
): string[] {
  const split = fraction === undefined ? { train: pairs, heldOut } : holdOut(pairs, fraction, seed);
  if (split.heldOut.length === 0) return [];
  return [
    `split: ${split.train.length} pairs to train on, ${split.heldOut.length} held out; ` +
      `prompts in both: ${sharedPrompts(split)}`,
  ];
}

async function printRecords(
  data: readonly string[],
  source: DataSource,
  tokenizer: TokenizerPool,
  how: TokenizingOptions,
): Promise<void> {
  let files = 0;
  let last = '';
  for await (const { record, made } of tokenizedRecords(readPlaces(data, source), tokenizer, how)) {
    if (record.file !== last) files++;
    last = record.file;
    const [pair] = made.ok ? await decodePairs(tokenizer, [made.pair]) : [];
    const what = made.ok ? pair : { refused: made.reason, message: made.message };
    const place = data.length > 1 || files > 1 ? { file: record.file, line: record.line } : { line: record.line };
    process.stdout.write(`${JSON.stringify({ ...place, ...what })}\n`);
  }
}
