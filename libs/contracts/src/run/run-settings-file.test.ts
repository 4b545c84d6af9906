import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readNumber } from '@alphapo/settings';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';
import { readRunSettings } from './run-settings-file.ts';

async function mistakesOf(text: string): Promise<string[]> {
  const file = join(await temporaryFolder(), 'b.yaml');
  await writeFile(file, text);
  const error = await readRunSettings(file).then(
    () => new Error(''),
    (error: Error) => error,
  );
  return error.message === '' ? [] : error.message.replaceAll(file, 'b.yaml').split('\n');
}

test.each([
  ['# a run\nseed: 1\nstpes: 3', ['b.yaml:3: stpes: no such setting. Did you mean steps?']],
  ['learning-rat: 1', ['b.yaml:1: learning-rat: no such setting. Did you mean learning-rate?']],
  ['learningRat: 1', ['b.yaml:1: learningRat: no such setting. Did you mean learningRate?']],
  ['max_length: 1', ['b.yaml:1: max_length: no such setting. Did you mean max-length?']],
  ['temperature: 1', ['b.yaml:1: temperature: no such setting']],
  ['{"seed": 1,\n "aplha": 1}', ['b.yaml:2: aplha: no such setting. Did you mean alpha?']],
  ['alpha: 0,5', ['b.yaml:1: alpha: "0,5" is not a number; write 0.5']],
  ['alpha: "0.5"', ['b.yaml:1: alpha: "0.5" is text; write 0.5']],
  ['batch-size: 1_000', ['b.yaml:1: batch-size: "1_000" is not a number; write 1000']],
  ['batch-size: 1.5', ['b.yaml:1: batch-size: 1.5 is not an integer']],
  ['batch-size: 0', ['b.yaml:1: batch-size: 0 is too small: it must be more than 0']],
  ['adam-beta1: 1', ['b.yaml:1: adam-beta1: 1 is too large: it must be less than 1']],
  ['steps:', ['b.yaml:1: steps: has no value']],
  ['full: yes', ['b.yaml:1: full: "yes" is neither true nor false; write true']],
  ['lora-targets: q_proj', ['b.yaml:1: lora-targets: "q_proj" is not a list; write [q_proj]']],
  ['lora-targets: []', ['b.yaml:1: lora-targets: the list is empty']],
  ['scheduler: cosin', ['b.yaml:1: scheduler: "cosin" is none of cosine, linear, constant. Did you mean cosine?']],
  ['steps: 1\nsteps: 2', ['b.yaml:2: Map keys must be unique']],
  ['max-length: 1\nmaxLength: 2', ['b.yaml:2: maxLength is already set as max-length; remove one of them']],
  ['- 1', ['b.yaml: must be a mapping of settings, such as "learning-rate: 5e-6"']],
  [
    'model: ./m\nsteps: 1',
    ['b.yaml:1: model: is an option of alphapo train only; remove it. Service options: alphapo serve --help'],
  ],
])('%j is told with its line', async (text, mistakes) => expect(await mistakesOf(text)).toEqual(mistakes));

test('all mistakes are told at once', async () => {
  const told = await mistakesOf('stpes: 3\nalpha: x\nbatch-size: -1\nfull: maybe\nnonsense-key: 1\n');
  expect(told.map((line) => line.split(': ')[1]).sort()).toEqual([
    'alpha',
    'batch-size',
    'full',
    'nonsense-key',
    'stpes',
  ]);
});

test('numbers may be written in any way that YAML has', async () => {
  expect(await mistakesOf('learning-rate: 1e-6\nalpha: -.5\nweight-decay: +0.1\nsteps: 10\n')).toEqual([]);
});

test.each(['5', '-0.5', '1e-6', '1E6', '.5', '5.', '+3'])('%s is a number', (text) =>
  expect(readNumber(text)).toEqual({ ok: true, value: Number(text) }),
);

test.each([
  ['1,000', '"1,000" is not a number; write 1000 or 1.000'],
  ['1,000,000', '"1,000,000" is not a number; write 1000000'],
  ['1 000', '"1 000" is not a number; write 1000'],
  ['0x10', '"0x10" is not a number'],
  ['1e999', '"1e999" is not a number'],
  ['Infinity', '"Infinity" is not a number'],
  [' ', 'needs a number'],
])('%j is none', (text, problem) => expect(readNumber(text)).toEqual({ ok: false, problem }));
