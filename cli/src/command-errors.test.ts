import type { Command } from 'commander';
import { alphapoProgram } from './main.ts';

/** What a command line with a mistake prints on standard error. */
async function mistakesOf(...args: string[]): Promise<string[]> {
  let text = '';
  const program = alphapoProgram();
  const prepare = (command: Command) => {
    command.exitOverride().configureOutput({ writeErr: (part) => (text += part) });
    command.commands.forEach(prepare);
  };
  prepare(program);
  await expect(program.parseAsync(args, { from: 'user' })).rejects.toMatchObject({ exitCode: 1 });
  return text.trimEnd().split('\n').slice(0, -1);
}

const PLAN = ['plan', '--model', 'M'];

test.each([
  [['train', '--modle', 'M'], ['unknown option --modle (did you mean --model?)']],
  [['train', '--zzzzzz'], ['unknown option --zzzzzz']],
  [['serve', 'scorer', '--adress', ':1'], ['unknown option --adress (did you mean --address?)']],
  [['trian'], ['unknown command trian (did you mean train?)']],
  [['serve', 'scorrer'], ['unknown command scorrer (did you mean scorer?)']],
  [['score', '--model', 'M', '--out', '-'], ['--data <places...> is missing']],
  [['init-model'], ['<folder> is missing']],
  [[...PLAN, '--config'], ['--config needs a value: <file>']],
  [[...PLAN, '--device', 'gpu'], ['--device: "gpu" must be cpu, cuda (or cuda:1 for the second GPU) or webgpu']],
  [[...PLAN, '--stored', 'f8'], ['--stored: "f8": Allowed choices are bf16, f16, f32.']],
  [['train', '--eval-fraction', '0,5'], ['--eval-fraction: "0,5" is not a number; write 0.5']],
  [['train', '--eval-fraction', '5%'], ['--eval-fraction: "5%" is not a number; write 0.05']],
  [['train', '--eval-fraction', '7'], ['--eval-fraction: "7" is not a share between 0 and 1, such as 0.05']],
  [['train', '--threads', '1_0'], ['--threads: "1_0" is not a number; write 10']],
  [['train', '--threads', '0.5'], ['--threads: "0.5" is not a whole number, 1 or more']],
  [['train', '--memory-limit', 'much'], ['--memory-limit: "much" is not a size; write 16GB, 12Gi or 800M']],
  [
    ['train', '--threads', 'x', '--eval-every', '', '--memory-limit', '0'],
    [
      '--threads: "x" is not a number',
      '--eval-every: "" is empty; give a whole number, 0 or more',
      '--memory-limit: "0" is not a size; write 16GB, 12Gi or 800M',
    ],
  ],
])('%j is told as a person needs it', async (args, mistakes) => {
  expect(await mistakesOf(...args)).toEqual(mistakes.map((mistake) => `alphapo: ${mistake}`));
});
