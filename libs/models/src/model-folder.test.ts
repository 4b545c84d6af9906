import { execFileSync } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { readModelDefinition } from './model-folder.ts';

async function folderWith(config: string | Uint8Array): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), config);
  return folder;
}

const GPT2 = '"model_type":"gpt2","vocab_size":100,"n_embd":32,"n_head":4,"n_layer":2,"n_positions":64';

test('a configuration is read from its folder', async () => {
  expect((await readModelDefinition(await folderWith(`{${GPT2}}`))).layers).toBe(2);
});

test.each<[string, string | Uint8Array]>([
  ['NaN as a word', `{${GPT2},"layer_norm_epsilon":NaN}`],
  ['a key twice', `{${GPT2},"n_layer":3}`],
  ['nesting as deep as the stack', `{${GPT2},"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  ['a list', '[]'],
  ['nothing', ''],
])('%s is refused with the file', async (_what, config) => {
  const folder = await folderWith(config);
  await expect(readModelDefinition(folder)).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'MODEL_CONFIG',
    message: expect.stringContaining(join(folder, 'config.json')),
  });
});

test('a device or pipe, which would never end, is not read', async () => {
  const [pipe, endless] = [await temporaryFolder(), await temporaryFolder()];
  execFileSync('mkfifo', [join(pipe, 'config.json')]);
  await symlink('/dev/zero', join(endless, 'config.json'));
  for (const folder of [pipe, endless]) {
    await expect(readModelDefinition(folder)).rejects.toMatchObject({
      code: 'not-found',
      reason: 'MODEL_NOT_FOUND',
      message: expect.stringContaining(join(folder, 'config.json')),
    });
  }
});
