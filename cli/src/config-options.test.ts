import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TRAIN_ONLY_SETTINGS } from '@alphapo/contracts';
import { readSettingsFile } from '@alphapo/settings';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { trainCommand } from './commands/train.ts';
import { fileOptionsOf, optionsInFile } from './config-options.ts';
import { completeCommand } from './remembered-command.ts';

async function configFile(text: string): Promise<string> {
  const file = join(await temporaryFolder(), 'run.yaml');
  await writeFile(file, text);
  return file;
}

/** The options of a command line, completed from a file. */
const complete = async (text: string, ...args: string[]) => {
  const command = trainCommand();
  command.action(() => {});
  command.parse(['--config', await configFile(text), ...args], { from: 'user' });
  return completeCommand(command, ['model', 'data', 'out']);
};

test('every option of train may stand in the file, and the command line wins', async () => {
  const { options, settings } = await complete(
    'model: m\ndata: [a.jsonl, b.jsonl]\nout: run\neval-fraction: 0.1\nevalEvery: 3\nno-shuffle: true\nmemory-limit: 2GB\nlearning-rate: 1e-6\nbatch-size: 4\n',
    ...['--eval-every', '5', '--batch-size', '8'],
  );
  expect(options).toMatchObject({
    model: 'm',
    data: ['a.jsonl', 'b.jsonl'],
    out: 'run',
    evalFraction: 0.1,
    evalEvery: 5,
  });
  expect(options).toMatchObject({ shuffle: false, memoryLimit: 2e9, device: 'cpu', checkpointEvery: 50 });
  expect(settings).toMatchObject({ learningRate: 1e-6, batchSize: 8 });
});

test('mistakes in options and settings are told together', async () => {
  const told = complete(
    'model: m\ndata: d\nout: o\neval-fraction: 7\ndevice: gpu\nstrict: 1\nstpes: 3\nmodle: x\n',
    '--alpha',
    '0,5',
  );
  const { message } = await told.then(
    () => new Error('accepted'),
    (error: Error) => error,
  );
  expect(message.replace(/^\S*run\.yaml/gm, 'run.yaml').split('\n')).toEqual([
    '--alpha: "0,5" is not a number; write 0.5',
    'run.yaml:4: eval-fraction: "7" is not a share between 0 and 1, such as 0.05',
    'run.yaml:5: device: "gpu" must be cpu, cuda (or cuda:1 for the second GPU) or webgpu',
    'run.yaml:6: strict: expected true or false, found 1',
    'run.yaml:7: stpes: no such setting. Did you mean steps?',
    'run.yaml:8: modle: no such setting. Did you mean model?',
  ]);
});

test('mistakes come in the order of the file, whatever they are of', async () => {
  const told = complete('modle: x\neval-fraction: 7\nstpes: 3\nstrict: 1\nalpha: [1]\n');
  await expect(told).rejects.toThrow(
    /:1: modle.*:2: eval-.*:3: stpes.*:4: strict.*:5: alpha: expected a number, found a list$/s,
  );
});

test.each([
  ['columns: { prompt: question }', 'columns: expected text as in --columns <field=column,…>, found a mapping'],
  ['columns: [a=b]', 'columns: expected text as in --columns <field=column,…>, found a list'],
  ['data: [{ a: b }]', 'data: expected text as in --data <places...>, found a mapping'],
  ['model: true', 'model: expected text as in --model <folder>, found true'],
  ['strict: yes', 'strict: expected true or false, found "yes"'],
])('a value of another type is told with what is expected: %s', async (text, problem) => {
  await expect(complete(`${text}\n`)).rejects.toThrow(problem);
});

test('a folder without a run cannot be resumed', async () => {
  const folder = await temporaryFolder();
  await expect(complete(`out: ${folder}\nresume: true\n`)).rejects.toThrow(`--resume: there is no run in ${folder}`);
});

test('what is missing is named at once', async () => {
  await expect(complete('data: d\n')).rejects.toThrow('--model, --out: missing');
});

test('each option of train that stands in no service is known to services by name', async () => {
  const file = await readSettingsFile(await configFile(TRAIN_ONLY_SETTINGS.map((key) => `${key}: x\n`).join('')));
  const { settings } = optionsInFile(trainCommand(), file);
  expect(settings).toEqual({});
  expect(fileOptionsOf(trainCommand()).length).toBeGreaterThan(10);
});
