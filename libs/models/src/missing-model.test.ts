import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { readModelDefinition } from './model-folder.ts';

/** What is said of a path below a folder that holds some files. */
async function problemOf(path: string, files: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), '{}');
  }
  const error = await readModelDefinition(join(folder, path)).catch((error: Error) => error);
  expect(error).toMatchObject({ code: 'not-found', reason: 'MODEL_NOT_FOUND' });
  return (error as Error).message.replaceAll(folder, '');
}

test.each([
  ['/absent', [], '/absent: no such folder;  contains nothing'],
  ['/m/1/model', ['m/a/config.json', 'm/b'], '/m/1/model: no such folder; /m contains a/, b'],
  ['/m', ['m/readme'], '/m: has no config.json; use the folder of a Hugging Face model. It contains readme'],
  [
    '/m/model.safetensors',
    ['m/config.json', 'm/model.safetensors'],
    '/m/model.safetensors: is a file; use the folder of a Hugging Face model, here /m',
  ],
  ['/m.gguf', ['m.gguf'], '/m.gguf: is a file of GGUF, the format of llama.cpp'],
  ['/m', ['m/q4.gguf'], '/m: has no config.json; q4.gguf is GGUF'],
  ['/m', ['m/pytorch_model.bin'], '/m: has no config.json; pytorch_model.bin is PyTorch weights. Save'],
  ['/m', ['m/adapter_config.json', 'm/adapter_model.safetensors'], '/m: is a PEFT adapter. Pass its base model'],
  ['/m', ['m/checkpoint-8/config.json'], '/m: has no config.json, but /m/checkpoint-8 has; use that folder'],
  ['/pairs.jsonl', ['pairs.jsonl'], '/pairs.jsonl: is a file of data, not a model; pass it with --data'],
])('%s among %j is told what it is', async (path, files, problem) =>
  expect(await problemOf(path, files)).toContain(problem),
);

test('a name of a hub comes with the command that fetches it', async () => {
  await expect(readModelDefinition('nobody/nothing')).rejects.toThrow(
    'nobody/nothing: no such folder; fetch it: alphapo fetch-model --repo nobody/nothing --out nobody/nothing',
  );
});
