import { CHAT_TEMPLATE_CHOICES } from '@alphapo/tokenization';
import type { Command } from 'commander';
import { alphapoProgram } from './main.ts';

/** What a person reads who asks for a command's help, on a terminal of 80 columns. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return text;
}

const allCommands = (command: Command): Command[] => [command, ...command.commands.flatMap(allCommands)];

test.each(allCommands(alphapoProgram()).map((command) => [command.name(), command] as const))(
  'the help of %s fits 80 columns',
  (_name, command) => {
    const lines = helpOf(command).split('\n');
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  },
);

const headingsOf = (text: string) => [...text.matchAll(/^([A-Z]\w[\w ]*:)$/gm)].map(([, heading]) => heading);

test('the help of train is in groups, the most used first', () => {
  const train = alphapoProgram().commands.find((command) => command.name() === 'train') as Command;
  const help = helpOf(train);
  expect(headingsOf(help)).toEqual([
    'Model and data:',
    'How records are read:',
    'Evaluation:',
    'Training:',
    'Objective:',
    'LoRA:',
    'Memory and speed:',
    'Schedule and optimizer:',
    'Machine and output:',
    'Other options:',
    'Examples:',
  ]);
  for (const { long } of train.options) expect(help).toContain(`  ${long}`);
});

test('the commands are in groups', () => {
  expect(headingsOf(helpOf(alphapoProgram()))).toEqual(['Options:', 'On this machine:', 'Services:', 'Lineage:']);
});

test.each(
  allCommands(alphapoProgram())
    .flatMap((command) => command.options.map((option) => [command.name(), option] as const))
    .filter(([, { long }]) => long === '--chat-template'),
)('the help of %s names every kind of chat template', (_name, { description }) => {
  expect(description.startsWith(CHAT_TEMPLATE_CHOICES)).toBe(true);
});
