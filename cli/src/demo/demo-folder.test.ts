import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { demoCommand } from '../commands/demo.ts';
import { emptyDemoFolder } from './demo-folder.ts';

test('a folder that is new, or empty, or of an earlier demo is emptied', async () => {
  const empty = await temporaryFolder();
  const folder = join(empty, 'a', 'demo');
  await emptyDemoFolder(folder);
  await mkdir(join(folder, 'sft', 'model'), { recursive: true });
  await writeFile(join(folder, 'train.jsonl'), '{}');
  await emptyDemoFolder(folder);
  expect(await readdir(folder)).toEqual(['alphapo-demo.txt']);
  const other = await temporaryFolder();
  await emptyDemoFolder(other);
  expect(await readdir(other)).toEqual(['alphapo-demo.txt']);
});

test.each(['thesis.txt', '.git', 'summary.json'])(
  'a folder with %s of someone else is refused and left alone',
  async (name) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, name), 'mine');
    const demo = demoCommand().parseAsync(['--out', folder], { from: 'user' });
    await expect(demo).rejects.toMatchObject({
      reason: 'NOT_A_DEMO',
      message: `--out: ${folder} is not empty and was not created by a demo; choose a new folder or remove it`,
    });
    expect(await readdir(folder)).toEqual([name]);
    expect(await readFile(join(folder, name), 'utf8')).toBe('mine');
  },
);
