import { AlphapoError } from '@alphapo/base';
import { Command } from 'commander';
import { examples } from '../help.ts';
import { addRunPlaceOptions, openRunLedger, type RunPlaceOptions } from '../lineage/run-place.ts';
import { type VerifyReport, verifyRun } from '../lineage/verify.ts';
import { describeVerification } from '../lineage/verify-text.ts';
import { count } from '../numbers.ts';
import { countProgress, stopSignal } from '../terminal.ts';

const DESCRIPTION = `Prove the lineage of a run from its topics and checkpoints.

Each record that was consumed must be in exactly one batch or dead letter, each batch of pairs in exactly one step, steps
must count without gap or repetition, digests must agree throughout, and each checkpoint must be intact and hold the policy
that its step published. A run may go on meanwhile: what is not consumed yet is waiting, and no problem.

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
    .summary('prove that each record is in exactly one step or dead letter')
    .description(DESCRIPTION)
    .addHelpText('after', examples(EXAMPLES))
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : NOT_CHECKABLE))
    .action(verify);
  return addRunPlaceOptions(command)
    .option('--problems <n>', 'problems that are shown; all are counted', count, DEFAULT_PROBLEMS)
    .option('--json', 'the report as JSON');
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
