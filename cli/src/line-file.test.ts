import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { LineFile } from './line-file.ts';

test('lines are written in their order, also more than are buffered', async () => {
  const file = join(await temporaryFolder(), 'lines.jsonl');
  const lines = Array.from({ length: 5000 }, (_, i) => `${'x'.repeat(40)}${i}\n`);
  {
    await using out = await LineFile.open(file);
    for (const line of lines) await out.write(line);
    await out.flush();
  }
  expect(await readFile(file, 'utf8')).toBe(lines.join(''));
});

test.each(['x\n', 'x'.repeat(2 ** 17)])('a full disk is an error that names the file (%#)', async (line) => {
  await using out = await LineFile.open('/dev/full');
  const written = (async () => {
    await out.write(line);
    await out.flush();
  })();
  await expect(written).rejects.toMatchObject({
    reason: 'NOT_WRITABLE',
    message: expect.stringMatching(/^cannot write \/dev\/full: .*no space left/),
  });
});

test('a folder that does not exist is an error that names the file', async () => {
  await expect(LineFile.open('/nowhere/out.jsonl')).rejects.toThrow(/^cannot write \/nowhere\/out\.jsonl: /);
});
