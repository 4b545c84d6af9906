import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { createFolder } from './durable-folder.ts';

const fill = async (folder: string) => {
  await mkdir(join(folder, 'inner'));
  await writeFile(join(folder, 'inner', 'file'), 'content');
  return 'written';
};

test.each(['absent', 'empty'])('a folder that is %s is made with all that is written', async (state) => {
  const parent = await temporaryFolder();
  const folder = join(parent, 'out');
  if (state === 'empty') await mkdir(folder);
  expect(await createFolder(folder, fill)).toBe('written');
  expect(await readFile(join(folder, 'inner', 'file'), 'utf8')).toBe('content');
  expect(await readdir(parent)).toEqual(['out']);
});

test('the folder is not there before all is written', async () => {
  const parent = await temporaryFolder();
  await createFolder(join(parent, 'out'), async (temporary) => {
    expect(await readdir(parent)).toEqual(['.out.unfinished']);
    await fill(temporary);
  });
});

test('an error leaves nothing', async () => {
  const parent = await temporaryFolder();
  const failing = createFolder(join(parent, 'out'), async (temporary) => {
    await fill(temporary);
    throw new Error('failed');
  });
  await expect(failing).rejects.toThrow('failed');
  expect(await readdir(parent)).toEqual([]);
});

test('what a killed process left is removed', async () => {
  const parent = await temporaryFolder();
  await mkdir(join(parent, '.out.unfinished'));
  await writeFile(join(parent, '.out.unfinished', 'part'), '');
  await createFolder(join(parent, 'out'), fill);
  expect(await readdir(join(parent, 'out'))).toEqual(['inner']);
});

test.each(['folder', 'file'])('a %s with content is refused and stays', async (kind) => {
  const parent = await temporaryFolder();
  const folder = join(parent, 'out');
  if (kind === 'folder') await mkdir(folder);
  const file = kind === 'folder' ? join(folder, 'mine') : folder;
  await writeFile(file, 'mine');
  await expect(createFolder(folder, fill)).rejects.toMatchObject({
    code: 'already-exists',
    reason: 'FOLDER_NOT_EMPTY',
  });
  expect(await readFile(file, 'utf8')).toBe('mine');
});
