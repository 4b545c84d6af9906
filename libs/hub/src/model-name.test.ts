import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { modelName } from './model-name.ts';

const COMMIT = 'c0ffee'.repeat(7).slice(0, 40);

/** A model folder at a path below a temporary one. */
async function folderAt(path: string, config: unknown = {}): Promise<string> {
  const folder = join(await temporaryFolder(), path);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

test.each([
  ['owner/name', { name: 'owner/name' }],
  ['owner/name@v1.0', { name: 'owner/name', revision: 'v1.0' }],
  ['/models/a@b', { name: '/models/a@b' }],
  ['./models/a', { name: './models/a' }],
])('a given name is kept: %s', async (given, expected) => {
  expect(await modelName('/somewhere', given)).toEqual(expected);
});

test('a folder that was fetched from a hub is its repository at the commit', async () => {
  const folder = await folderAt('model', { _name_or_path: 'other/model' });
  const record = { repository: 'owner/name', revision: 'main', commit: 'c0ffee', files: ['config.json'] };
  await writeFile(join(folder, '.alphapo-model.json'), JSON.stringify(record));
  expect(await modelName(folder, undefined)).toEqual({ name: 'owner/name', revision: 'c0ffee' });
  expect(await modelName(folder, 'mine/copy')).toEqual({ name: 'mine/copy' });
});

test('a snapshot in the cache of huggingface_hub is its repository at the commit', async () => {
  const folder = await folderAt(`hub/models--owner--some--name/snapshots/${COMMIT}`);
  expect(await modelName(folder, undefined)).toEqual({ name: 'owner/some--name', revision: COMMIT });
});

test('the name in config.json counts if the folder is called the same', async () => {
  const folder = await folderAt('tiny-chat', { _name_or_path: 'owner/Tiny-Chat' });
  expect(await modelName(folder, undefined)).toEqual({ name: 'owner/Tiny-Chat' });
});

test.each([
  ['names the model that this one was trained from', { _name_or_path: 'owner/Tiny' }],
  ['is a path', { _name_or_path: '/home/someone/tiny-chat' }],
  ['has no owner', { _name_or_path: 'tiny-chat' }],
  ['is no text', { _name_or_path: 7 }],
  ['is missing', {}],
])('a folder whose name in config.json %s is itself', async (_what, config) => {
  const folder = await folderAt('tiny-chat', config);
  expect(await modelName(folder, undefined)).toEqual({ name: folder });
});

test('a folder that is no model is itself', async () => {
  const folder = await temporaryFolder();
  expect(await modelName(folder, undefined)).toEqual({ name: folder });
});
