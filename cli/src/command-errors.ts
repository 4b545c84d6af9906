import { type Command, InvalidArgumentError, type Option } from 'commander';

/** What commander says, and how we say it. */
const SAYINGS: readonly (readonly [RegExp, (...groups: string[]) => string])[] = [
  [/^error: unknown (option|command) '([\s\S]*?)'/, (_, kind = '', name = '') => `unknown ${kind} ${name}`],
  [/\n\(Did you mean (one of )?([\s\S]*?)\?\)/, (_, one = '', names = '') => ` (did you mean ${one ?? ''}${names}?)`],
  [
    /^error: option '(?:-\w, )?(\S+)(?: [^']*)?' argument '([\s\S]*)' is invalid\. ([\s\S]*)$/,
    (_, option = '', value = '', why = '') =>
      `${option}: ${why.startsWith('"') ? why : `${JSON.stringify(value)}: ${why}`}`,
  ],
  [
    /^error: option '(\S+)(?: ([^']*))?' argument missing/,
    (_, option = '', value = '') => `${option} needs a value: ${value}`,
  ],
  [/^error: required option '([^']*)' not specified/, (_, option = '') => `${option} is missing`],
  [/^error: missing required argument '([^']*)'/, (_, name = '') => `<${name}> is missing`],
  [/^error: /, () => ''],
];

/** A mistake in the command line, in our words. */
function inOurWords(text: string): string {
  const said = SAYINGS.reduce((words, [pattern, say]) => words.replace(pattern, say), text);
  return `alphapo: ${said}`;
}

/** Mistakes in the values of options, gathered until the whole command line is read. */
const mistakes = new WeakMap<Command, string[]>();

/** Makes a command tell mistakes in its options in one line each, those in values all at once. */
export function configureErrors(command: Command): void {
  command.configureOutput({
    outputError(text, write) {
      const earlier = mistakes.get(command) ?? [];
      write([...earlier, inOurWords(text)].map((line) => `${line.trimEnd()}\n`).join(''));
    },
  });
  for (const option of command.options) gatherMistakes(command, option);
  command.hook('preAction', () => {
    const gathered = mistakes.get(command) ?? [];
    mistakes.delete(command);
    const last = gathered.pop();
    if (last === undefined) return;
    mistakes.set(command, gathered);
    command.error(last.replace(/^alphapo: /, ''));
  });
}

type Parser = (text: string, previous: unknown) => unknown;
const parsers = new WeakMap<Option, Parser>();

/** What an option makes of a text; throws InvalidArgumentError at once, which the command line only does at its end. */
export const parserOf = (option: Option): Parser | undefined => parsers.get(option) ?? option.parseArg;

function gatherMistakes(command: Command, option: Option): void {
  const { parseArg } = option;
  if (parseArg === undefined) return;
  parsers.set(option, parseArg);
  option.argParser((text: string, previous: unknown) => {
    try {
      return parseArg(text, previous);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      const said = inOurWords(`error: option '${option.flags}' argument '${text}' is invalid. ${error.message}`);
      mistakes.set(command, [...(mistakes.get(command) ?? []), said]);
      return previous;
    }
  });
}
