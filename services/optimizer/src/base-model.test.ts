import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { baseModelName } from './base-model.ts';

test.each([
  ['owner/name', { name: 'owner/name' }],
  ['owner/name@v1.0', { name: 'owner/name', revision: 'v1.0' }],
  ['/models/a@b', { name: '/models/a@b' }],
  ['./models/a', { name: './models/a' }],
])('a given name is kept: %s', async (given, expected) => {
  expect(await baseModelName('/somewhere', given)).toEqual(expected);
});

test('a folder that was fetched from a hub is its repository at the commit, any other one itself', async () => {
  const folder = await temporaryFolder();
  expect(await baseModelName(folder, undefined)).toEqual({ name: folder });
  const record = { repository: 'owner/name', revision: 'main', commit: 'c0ffee', files: ['config.json'] };
  await writeFile(join(folder, '.alphapo-model.json'), JSON.stringify(record));
  expect(await baseModelName(folder, undefined)).toEqual({ name: 'owner/name', revision: 'c0ffee' });
  expect(await baseModelName(folder, 'mine/copy')).toEqual({ name: 'mine/copy' });
});
