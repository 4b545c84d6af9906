import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { endSoon } from '@alphapo/telemetry';
import { Command } from 'commander';
import { configureCommands } from './command-line.ts';
import { askCommand } from './commands/ask.ts';
import { chatCommand } from './commands/chat.ts';
import { convertCommand } from './commands/convert.ts';
import { deadLettersCommand } from './commands/dead-letters.ts';
import { demoCommand } from './commands/demo.ts';
import { fetchModelCommand } from './commands/fetch-model.ts';
import { generateCommand } from './commands/generate.ts';
import { initModelCommand } from './commands/init-model.ts';
import { inspectCommand } from './commands/inspect.ts';
import { lineageCommand } from './commands/lineage.ts';
import { mergeCommand } from './commands/merge.ts';
import { planCommand } from './commands/plan.ts';
import { produceCommand } from './commands/produce.ts';
import { replayCommand } from './commands/replay.ts';
import { exportCommand, watchCommand } from './commands/run-control.ts';
import { scoreCommand } from './commands/score.ts';
import { scoreResponseCommand } from './commands/score-response.ts';
import { serveCommand } from './commands/serve.ts';
import { topicsCommand } from './commands/topics.ts';
import { trainCommand } from './commands/train.ts';
import { validateCommand } from './commands/validate.ts';
import { verifyCommand } from './commands/verify.ts';
import { describeError } from './errors.ts';
import { stoppedExitCode } from './stop-signal.ts';

const { version: VERSION } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));

/** The whole command line. */
export function alphapoProgram(): Command {
  const program = new Command('alphapo')
    .description('Train language models on preference pairs: AlphaPO, SimPO, DPO, IPO, ORPO, CPO, SLiC.')
    .version(VERSION)
    .helpCommand(false)
    .commandsGroup('On this machine:')
    .addCommand(demoCommand())
    .addCommand(trainCommand())
    .addCommand(inspectCommand())
    .addCommand(convertCommand())
    .addCommand(planCommand())
    .addCommand(generateCommand())
    .addCommand(chatCommand())
    .addCommand(scoreCommand())
    .addCommand(mergeCommand())
    .addCommand(initModelCommand())
    .addCommand(fetchModelCommand())
    .commandsGroup('Services:')
    .addCommand(validateCommand())
    .addCommand(topicsCommand())
    .addCommand(serveCommand())
    .addCommand(produceCommand())
    .addCommand(watchCommand())
    .addCommand(exportCommand())
    .addCommand(scoreResponseCommand())
    .addCommand(askCommand())
    .commandsGroup('Lineage:')
    .addCommand(deadLettersCommand())
    .addCommand(verifyCommand())
    .addCommand(lineageCommand())
    .addCommand(replayCommand());
  configureCommands(program);
  return program.addHelpText('after', '\nHelp on a command: alphapo <command> --help');
}

/** The `alphapo` program: errors are one line on standard error, and exit code 1; 130 after Ctrl-C. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await alphapoProgram().parseAsync(argv);
  } catch (error) {
    reportFailure(error, argv);
  }
}

/** The process of the program: reports every failure in one way. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  // Whoever reads our output may stop reading (`alphapo watch … | head`): that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  process.on('uncaughtException', (error) => {
    reportFailure(error, argv);
    process.exit();
  });
  await main(argv);
}

function reportFailure(error: unknown, argv: readonly string[]): void {
  const stopped = stoppedExitCode();
  process.exitCode = stopped ?? 1;
  if (stopped !== undefined) {
    // Handles that are still open after a stop do not matter.
    endSoon();
    const said = error instanceof AlphapoError && error.reason === 'STOPPED' ? error.message : 'stopped';
    process.stderr.write(`alphapo: ${said}\n`);
  } else process.stderr.write(`alphapo: ${describeError(error, argv)}\n`);
}
