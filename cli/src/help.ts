import { type AddHelpTextContext, type Command, Help } from 'commander';
import { wrapCommands, wrapText } from './wrapped-text.ts';

/** Longer lines are hard to read. */
const WIDEST = 100;
const NARROWEST = 40;
/** An option that is wider has its description in the line below. */
const WIDEST_TERM = 26;
const INDENT = '  ';

/** Help that fits the terminal: long options stand in a line of their own. */
export function configureHelp(command: Command): void {
  command.configureHelp({
    subcommandTerm: (subcommand) => [subcommand.name(), ...subcommand.registeredArguments.map(argumentTerm)].join(' '),
    padWidth: (cmd, helper) => Math.min(WIDEST_TERM, Help.prototype.padWidth.call(helper, cmd, helper)),
    boxWrap: wrapText,
    formatItem(term, termWidth, description, helper) {
      const column = INDENT.length + termWidth + INDENT.length;
      const text = wrapText(description, Math.max(NARROWEST, (helper.helpWidth ?? 80) - column));
      const [first = '', ...others] = text.split('\n');
      const indented = (line: string) => ' '.repeat(column) + line;
      const start = `${INDENT}${term}`;
      const head = start.length + INDENT.length <= column ? [start.padEnd(column) + first] : [start, indented(first)];
      return [...head, ...others.map(indented)].join('\n').trimEnd();
    },
  });
  const width = (stream: NodeJS.WriteStream) => Math.min(WIDEST, stream.columns || 80);
  command.configureOutput({
    getOutHelpWidth: () => width(process.stdout),
    getErrHelpWidth: () => width(process.stderr),
  });
}

const argumentTerm = (argument: { name(): string; required: boolean }) =>
  argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;

/** Examples below a command's help, in lines that a shell reads as they are shown. */
export function examples(text: string): (context: AddHelpTextContext) => string {
  return ({ error }) => wrapCommands(text, Math.min(WIDEST, (error ? process.stderr : process.stdout).columns || 80));
}
