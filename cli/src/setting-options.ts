import { flagOf, type Setting, type SettingSources, type Settings } from '@alphapo/settings';
import type { Command } from 'commander';
import { knownEnvironment } from './variables.ts';

/** Adds an option for each setting, with its choices, its default and its variable. */
export function addSettingOptions(command: Command, settings: Settings): Command {
  for (const [key, setting] of Object.entries(settings) as [string, Setting][]) {
    const { flags, description } = flagOf(key, setting);
    command.option(flags, setting.variable === undefined ? description : `${description} (${setting.variable})`);
  }
  return command;
}

/** Where a command without a file of settings looks for them: its options, then the environment. Errors: as `knownEnvironment`. */
export const sourcesOf = (options: object): SettingSources => ({
  options: options as Readonly<Record<string, unknown>>,
  environment: knownEnvironment(),
});
