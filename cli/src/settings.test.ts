import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { addSettingsOptions, readSettings } from './settings.ts';

async function configFile(text: string): Promise<string> {
  const file = join(await temporaryFolder(), 'run.yaml');
  await writeFile(file, text);
  return file;
}

const optionsOf = (...args: string[]) =>
  addSettingsOptions(new Command()).parse(args, { from: 'user' }).opts<Record<string, unknown>>();

test('options of the command line win over the file, and the file over defaults', async () => {
  const file = await configFile('learning-rate: 3e-6\nbatchSize: 4\nlora-targets: [q_proj]\n');
  const settings = await readSettings(file, optionsOf('--batch-size', '8', '--full', '--adam-beta1', '0.8'));
  expect(settings).toMatchObject({
    learningRate: 3e-6,
    batchSize: 8,
    loraTargets: ['q_proj'],
    full: true,
    adamBeta1: 0.8,
    scheduler: 'cosine',
  });
});

test.each<[string, string, string[]]>([
  ['an unknown key of the file', 'learning-rat: 1\n', []],
  ['a wrong type in the file', 'batch-size: many\n', []],
  ['a wrong option', '', ['--alpha', 'big']],
  ['a file that is no mapping', '- 1\n', []],
  ['a file that is no YAML', 'a: [', []],
])('%s is a clear error', async (_what, text, args) => {
  const file = text === '' ? undefined : await configFile(text);
  await expect(readSettings(file, optionsOf(...args))).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('a missing file is a clear error', async () => {
  await expect(readSettings('/nowhere/run.yaml', {})).rejects.toMatchObject({ reason: 'INVALID_CONFIG_FILE' });
});
