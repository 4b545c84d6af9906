import { runSettingsSchema } from '@alphapo/contracts';
import { expectedFound, kebabCase, type SettingsFile } from '@alphapo/settings';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { parserOf } from './command-errors.ts';

/** Options that say how the program runs this time, and stay out of files. */
const NOT_IN_FILES = ['config', 'debug', 'help'];

/** What a configuration file gives of a command's options, and what is left of it for the settings of a run. */
export interface FileOptions {
  readonly options: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Record<string, unknown>>;
  /** A line per value that an option does not take. */
  readonly mistakes: readonly string[];
}

/** The options of a command that are no settings of a run: a configuration file may hold them too. */
export const fileOptionsOf = (command: Command): Option[] =>
  command.options.filter((option) => {
    const name = option.attributeName();
    return !(name in runSettingsSchema.shape) && !NOT_IN_FILES.includes(name);
  });

/** Reads what a file gives of a command's options, by the same rules as the command line. */
export function optionsInFile(command: Command, { values, placeOf }: SettingsFile): FileOptions {
  const settings = { ...values };
  const options: Record<string, unknown> = {};
  const mistakes: string[] = [];
  for (const option of fileOptionsOf(command)) {
    for (const key of [option.attributeName(), option.name()].map(camelCaseOf)) {
      if (!(key in settings)) continue;
      const value = settings[key];
      delete settings[key];
      try {
        options[option.attributeName()] = optionValue(option, value, key !== option.attributeName());
      } catch (error) {
        if (!(error instanceof InvalidArgumentError)) throw error;
        mistakes.push(`${placeOf(key)}: ${error.message}`);
      }
    }
  }
  return { options, settings, mistakes };
}

const camelCaseOf = (name: string) => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** `asWritten`: the key is the option's own name, such as no-shuffle, so that true means what the option means. */
function optionValue(option: Option, value: unknown, asWritten: boolean): unknown {
  if (value === null) throw new InvalidArgumentError('has no value');
  if (option.isBoolean() || option.negate) {
    if (typeof value !== 'boolean') throw new InvalidArgumentError(expectedFound('true or false', value));
    return option.negate && asWritten ? !value : value;
  }
  if (Array.isArray(value) && !option.variadic) throw unlike(option, value);
  const texts = (Array.isArray(value) ? value : [value]).map((one) => {
    if (typeof one === 'string' || typeof one === 'number') return String(one);
    throw unlike(option, one);
  });
  const parse = parserOf(option);
  if (parse === undefined) return option.variadic ? texts : texts[0];
  return texts.reduce<unknown>((previous, text) => parse(text, previous), undefined);
}

/** `expected text as in --columns <field=column,…>, found a mapping`. */
const unlike = (option: Option, value: unknown) =>
  new InvalidArgumentError(expectedFound(`text as in ${option.flags}`, value));

/** Options as people write them, for messages: `--eval-data <files...>`. */
export const flagOf = (key: string) => `--${kebabCase(key)}`;
