import type { Command } from 'commander';
import { configureErrors } from './command-errors.ts';
import { configureHelp } from './help.ts';
import { requireWritablePlaces } from './places.ts';

/** Common parts of all commands: error messages, help, and checks before they start. */
export function configureCommands(command: Command): void {
  configureHelp(command);
  if (command.commands.length === 0) {
    command.option('--debug', 'print stack traces');
    command.options.at(-1)?.helpGroup('Other options:');
    command.helpOption('-h, --help', 'show this help');
    configureErrors(command);
    command.hook('preAction', (_, action) => requireWritablePlaces(action));
  } else configureErrors(command);
  for (const subcommand of command.commands) configureCommands(subcommand);
  command.showHelpAfterError(`(alphapo ${pathOf(command)}--help shows all options)`);
}

/** `serve scorer ` of a command below others; empty of the program. */
function pathOf(command: Command): string {
  return command.parent === null ? '' : `${pathOf(command.parent)}${command.name()} `;
}
