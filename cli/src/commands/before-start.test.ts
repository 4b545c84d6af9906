import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbeddedEventLog, silentLogger } from '@alphapo/messaging';
import { temporaryFolder } from '../../../test/temporary-folder.ts';
import { initModel, TINY_CONFIG } from './init-model.ts';
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
  const topics = ['preferences', 'dead-letters', 'preference-batches', 'training-steps'];
  const lines = topics.flatMap((topic) => [
    expect.stringContaining(`${topic} exists with replication factor 1, less than 3`),
    expect.stringContaining(`${topic} exists with min.insync.replicas=1, less than 2`),
  ]);
  expect(told).toEqual(lines);
  await expect(make('--replication-factor', '2', '--min-insync-replicas', '3')).rejects.toMatchObject({
    reason: 'INVALID_SETTING',
  });
});

test('settings are checked by themselves, and against a model', async () => {
  const folder = await temporaryFolder();
  const config = join(folder, 'run.yaml');
  const validate = (...more: string[]) => validateCommand().parseAsync(['--config', config, ...more], { from: 'user' });
  await writeFile(config, 'objective: alphapo\nsteps: 4\nmax-length: 100000\n');
  await validate();
  const model = join(folder, 'model');
  await initModel(model, TINY_CONFIG, 1);
  await expect(validate('--model', model)).rejects.toThrow('max-length');
  await writeFile(config, 'objective: alphapo\nstepz: 4\n');
  await expect(validate()).rejects.toThrow(`${config}:2: stepz`);
});
