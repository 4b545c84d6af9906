import { AlphapoError } from '@alphapo/base';
import { Command, InvalidArgumentError } from 'commander';
import { examples } from '../help.ts';
import { addRunPlaceOptions, openRunLedger, type RunPlaceOptions } from '../lineage/run-place.ts';
import { checkpointedSpecification } from '../lineage/specification.ts';
import { stepLineage } from '../lineage/step-lineage.ts';
import { type TraceTarget, traceRecord } from '../lineage/trace.ts';
import { describeStep, describeTrace, stepJson, traceJson } from '../lineage/trace-text.ts';
import type { RunLedger } from '../lineage/verify.ts';
import { positive } from '../numbers.ts';
import { stopSignal } from '../terminal.ts';

const DESCRIPTION = `Show where a record went, or what a step learned from.

Name a record by its producer's id (--pair) or by its place (--offset). Shows its batch and step, or its dead letter, or
that it is waiting. A record sent several times (several epochs) is shown once per copy.`;

const EXAMPLES = `
Examples:
  alphapo lineage --run run --pair pair-17
  alphapo lineage --run run --step 12 --json
  alphapo lineage --brokers localhost:9092 --topic-prefix trial- --offset 0:4711 --checkpoints state/checkpoints`;

interface LineageOptions extends RunPlaceOptions {
  readonly pair?: string;
  readonly offset?: TraceTarget;
  readonly step?: number;
  readonly json?: boolean;
}

export function lineageCommand(): Command {
  const command = new Command('lineage')
    .summary('show where a record went, or what a step learned from')
    .description(DESCRIPTION)
    .option('--pair <id>', 'record id; records without one have <topic>/<partition>/<offset>')
    .option('--offset <partition:offset>', 'place of a record in the preferences topic', parsePlace)
    .option('--step <n>', 'step to show', positive)
    .addHelpText('after', examples(EXAMPLES))
    .action(show);
  return addRunPlaceOptions(command).option('--json', 'print JSON: an array of records, or a step');
}

async function show(options: LineageOptions): Promise<void> {
  const { pair, offset, step } = options;
  if ([pair, offset, step].filter((given) => given !== undefined).length !== 1) {
    throw new AlphapoError('invalid-argument', 'INVALID_SETTING', 'give one of --pair, --offset and --step');
  }
  await using ledger = await openRunLedger(options);
  const shards = (await checkpointedSpecification(ledger))?.batch.shards;
  const text =
    step === undefined
      ? await recordText(ledger, offset ?? { kind: 'id', id: pair as string }, shards, options)
      : await stepText(ledger, step, shards, options);
  process.stdout.write(text);
}

async function recordText(
  ledger: RunLedger,
  target: TraceTarget,
  shards: number | undefined,
  { json }: LineageOptions,
): Promise<string> {
  const traces = await traceRecord(ledger, target, stopSignal());
  if (json)
    return `${JSON.stringify(
      traces.map((trace) => traceJson(trace, shards)),
      undefined,
      2,
    )}\n`;
  return traces.map((trace) => describeTrace(trace, shards)).join('\n');
}

async function stepText(
  ledger: RunLedger,
  step: number,
  shards: number | undefined,
  { json }: LineageOptions,
): Promise<string> {
  const lineage = await stepLineage(ledger, step, stopSignal());
  return json ? `${JSON.stringify(stepJson(lineage, shards), undefined, 2)}\n` : describeStep(lineage, shards);
}

function parsePlace(text: string): TraceTarget {
  const match = /^(\d{1,9}):(\d{1,18})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It must be a partition and an offset, such as 0:4711.');
  return { kind: 'offset', partition: Number(match[1]), offset: BigInt(match[2] as string) };
}
