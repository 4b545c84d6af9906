import { readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { describeError } from './errors.ts';

describe('what the system says within an error', () => {
  const failures: readonly [string, (folder: string) => Promise<unknown>, string][] = [
    ['a file that is not there', (folder) => readFile(join(folder, 'nowhere')), 'no such file or folder'],
    ['a folder as a file', (folder) => readFile(folder), 'is a folder, but a file is needed'],
    [
      'a file as a folder',
      async (folder) => {
        await writeFile(join(folder, 'file'), '');
        return stat(join(folder, 'file', 'below'));
      },
      'part of the path is a file, but a folder is needed',
    ],
    [
      'a link that is there already',
      async (folder) => {
        await writeFile(join(folder, 'file'), '');
        return symlink('elsewhere', join(folder, 'file'));
      },
      'exists already',
    ],
    ['what cannot be removed', (folder) => rm(join(folder, 'nowhere')), 'no such file or folder'],
  ];

  test.each(failures)('is in plain words: %s', async (_what, fail, meaning) => {
    const cause = await fail(await temporaryFolder()).catch((error: unknown) => error);
    const error = new AlphapoError(
      'not-found',
      'DATA_NOT_FOUND',
      `cannot read it: ${(cause as Error).message}; look again`,
    );
    expect(describeError(error)).toBe(`cannot read it: ${meaning}; look again`);
  });

  test('stays as it is where the code has no plain words', () => {
    const message = "cannot read it: EXDEV: cross-device link not permitted, rename 'a' -> 'b'";
    expect(describeError(new AlphapoError('internal', 'DATA_NOT_FOUND', message))).toBe(message);
  });
});
