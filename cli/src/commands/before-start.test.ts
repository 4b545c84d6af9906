import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbeddedEventLog, silentLogger } from '@alphapo/messaging';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { TINY_CONFIG } from './init-model.ts';
import { topicsCommand } from './topics.ts';
import { validateCommand } from './validate.ts';

test('topics are made once, and another number of partitions is refused', async () => {
  const file = join(await temporaryFolder(), 'log.db');
  const make = (partitions: string) =>
    topicsCommand().parseAsync(['--log', file, '--topic-prefix', 'a.', '--partitions', partitions], { from: 'user' });
  await make('3');
  await make('3');
  await expect(make('4')).rejects.toMatchObject({ reason: 'TOPIC_PARTITIONS_DIFFER' });
  await using log = await openEmbeddedEventLog({ path: file, logger: silentLogger });
  expect(await log.partitions('a.preferences')).toBe(3);
  for (const name of ['preference-batches', 'training-steps', 'dead-letters']) {
    expect(await log.partitions(`a.${name}`)).toBe(1);
  }
});

test('replicas that topics have too few of are told, and those that could never be written are refused', async () => {
  const file = join(await temporaryFolder(), 'log.db');
  const told: string[] = [];
  const { write } = process.stderr;
  process.stderr.write = (text) => told.push(String(text)) > 0;
  const make = (...options: string[]) => topicsCommand().parseAsync(['--log', file, ...options], { from: 'user' });
  try {
    await make('--replication-factor', '1', '--min-insync-replicas', '1');
    expect(told).toEqual([]);
    await make('--replication-factor', '3', '--min-insync-replicas', '2');
  } finally {
    process.stderr.write = write;
  }
  const topics = ['preferences', 'dead-letters', 'preference-batches', 'training-steps', 'evaluations'];
  const lines = topics.flatMap((topic) => [
    expect.stringContaining(`${topic} exists with replication factor 1, less than 3`),
    expect.stringContaining(`${topic} exists with min.insync.replicas=1, less than 2`),
  ]);
  expect(told).toEqual(lines);
  await expect(make('--replication-factor', '2', '--min-insync-replicas', '3')).rejects.toMatchObject({
    reason: 'INVALID_SETTING',
  });
});

async function place() {
  const folder = await temporaryFolder();
  const config = join(folder, 'run.yaml');
  const models = join(folder, 'models');
  const makeModel = async (name: string, changes: object = {}) => {
    await mkdir(join(models, name), { recursive: true });
    await writeFile(join(models, name, 'config.json'), JSON.stringify({ ...TINY_CONFIG, ...changes }));
    return join(models, name);
  };
  return {
    config,
    models,
    makeModel,
    async validate(settings: string, ...options: string[]) {
      await writeFile(config, settings);
      await validateCommand().parseAsync(['--config', config, ...options], { from: 'user' });
    },
  };
}

test('settings are checked by themselves, and against a model', async () => {
  const { config, makeModel, validate } = await place();
  const long = 'objective: alphapo\nsteps: 4\nmax-length: 4000\n';
  await validate(long);
  await expect(validate(long, '--model', await makeModel('tiny'))).rejects.toThrow(
    'max-length: 4000 exceeds the 512 positions of the model',
  );
  await expect(validate('objective: alphapo\nstepz: 4\n')).rejects.toThrow(`${config}:2: stepz`);
});

test.each([
  ['beta', 'objective: sft\nbeta: 1\nsteps: 4\n'],
  ['gamma', 'gamma: 1\ngamma-ratio: 0.5\nsteps: 4\n'],
  ['steps', 'steps: 3\nepochs: 1\n'],
  ['warmup-steps', 'steps: 4\nwarmup-steps: 1\nwarmup-ratio: 0.5\n'],
  ['max-prompt-length', 'steps: 4\nmax-length: 100\nmax-prompt-length: 100\n'],
])('a %s that fits no model is refused without one', async (setting, settings) => {
  const { validate } = await place();
  await expect(validate(settings)).rejects.toMatchObject({ reason: 'INVALID_SETTING', metadata: { setting } });
});

test('a folder without a model is refused with what it holds, and one that is missing with what is above it', async () => {
  const { makeModel, models, validate } = await place();
  await makeModel('tiny');
  await mkdir(join(models, 'empty'));
  const refused = (option: string, folder: string) =>
    validate('objective: dpo\nsteps: 4\n', option, join(models, folder)).catch(({ message }) => message);
  for (const option of ['--model', '--reference-model']) {
    expect(await refused(option, '')).toContain('has no config.json, but');
    expect(await refused(option, 'empty')).toContain('the folder is empty');
    expect(await refused(option, 'a/b')).toContain(`a/b: no such folder; ${models} contains empty/, tiny/`);
  }
});

test('a reference model is checked against objective, lengths and model', async () => {
  const { makeModel, validate } = await place();
  const model = await makeModel('model');
  const given = (name: string) => ['--model', model, '--reference-model', name];
  const dpo = 'objective: dpo\nsteps: 4\n';
  await validate(dpo, ...given(await makeModel('same')));
  await expect(validate('steps: 4\n', ...given(model))).rejects.toThrow('alphapo has no reference');
  const short = await makeModel('short', { max_position_embeddings: 100 });
  await expect(validate(dpo, ...given(short))).rejects.toThrow('it has 100 positions, fewer than max-length 512');
  const other = await makeModel('other', { vocab_size: 1000 });
  await expect(validate(dpo, ...given(other))).rejects.toMatchObject({ reason: 'REFERENCE_VOCABULARY' });
});
