import { AlphapoError } from '@alphapo/base';
import { Command } from 'commander';
import { examples } from '../help.ts';
import { addRunPlaceOptions, openRunLedger, type RunPlaceOptions } from '../lineage/run-place.ts';
import { type VerifyReport, verifyRun } from '../lineage/verify.ts';
import { describeVerification } from '../lineage/verify-text.ts';
import { count } from '../numbers.ts';
import { countProgress, stopSignal } from '../terminal.ts';

const DESCRIPTION = `Check the lineage of a run against its topics and checkpoints.

Each consumed record must be in exactly one batch or dead letter, each batch of pairs in exactly one step. Steps must be
numbered without gaps or repeats, digests must agree, and each checkpoint must be intact and contain the policy that its step
published. Works while the run continues: unread records count as waiting, not as problems.

Exit code 0: clean; 1: problems were found; 2: the run could not be checked.`;

const EXAMPLES = `
Examples:
  alphapo verify --run run
  alphapo verify --brokers localhost:9092 --topic-prefix trial- --checkpoints state/checkpoints --json`;

const NOT_CHECKABLE = 2;
const DEFAULT_PROBLEMS = 20;

interface VerifyCommandOptions extends RunPlaceOptions {
  readonly json?: boolean;
  readonly problems: number;
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .summary('check that each record is in exactly one step or dead letter')
    .description(DESCRIPTION)
    .addHelpText('after', examples(EXAMPLES))
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : NOT_CHECKABLE))
    .action(verify);
  return addRunPlaceOptions(command)
    .option('--problems <n>', 'number of problems to show', count, DEFAULT_PROBLEMS)
    .option('--json', 'print the report as JSON');
}

async function verify(options: VerifyCommandOptions): Promise<void> {
  try {
    const report = await check(options);
    process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : describeVerification(report));
    if (report.verdict === 'problems') process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof AlphapoError)) throw error;
    process.stderr.write(`alphapo: the run could not be checked: ${error.message}\n`);
    process.exitCode = NOT_CHECKABLE;
  }
}

async function check(options: VerifyCommandOptions): Promise<VerifyReport> {
  await using ledger = await openRunLedger(options);
  const progress = countProgress('records');
  try {
    return await verifyRun(ledger, {
      problemsKept: options.problems,
      signal: stopSignal(),
      onProgress: progress.update,
    });
  } finally {
    progress.stop();
  }
}
