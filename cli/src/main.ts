import { AlphapoError } from '@alphapo/base';
import { Command } from 'commander';
import { deadLettersCommand } from './commands/dead-letters.ts';
import { demoCommand } from './commands/demo.ts';
import { fetchModelCommand } from './commands/fetch-model.ts';
import { generateCommand } from './commands/generate.ts';
import { initModelCommand } from './commands/init-model.ts';
import { lineageCommand } from './commands/lineage.ts';
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

/** The `alphapo` program. Errors that a person can act on are one line on standard error, and exit code 1. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('alphapo')
    .description(
      'Preference optimisation (AlphaPO, SimPO, DPO, IPO, ORPO, CPO, SLiC): preference pairs in, a better model out',
    )
    .version('0.1.0')
    .showHelpAfterError('(--help shows what there is)')
    .addCommand(demoCommand())
    .addCommand(trainCommand())
    .addCommand(planCommand())
    .addCommand(generateCommand())
    .addCommand(scoreCommand())
    .addCommand(scoreResponseCommand())
    .addCommand(initModelCommand())
    .addCommand(fetchModelCommand())
    .addCommand(validateCommand())
    .addCommand(topicsCommand())
    .addCommand(serveCommand())
    .addCommand(produceCommand())
    .addCommand(watchCommand())
    .addCommand(exportCommand())
    .addCommand(deadLettersCommand())
    .addCommand(verifyCommand())
    .addCommand(lineageCommand())
    .addCommand(replayCommand());
  // Whoever reads our output may stop reading (`alphapo watch … | head`): that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof AlphapoError)) throw error;
    process.stderr.write(`alphapo: ${error.message}\n`);
    process.exitCode = 1;
  }
}
