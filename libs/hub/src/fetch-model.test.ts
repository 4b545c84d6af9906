import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { fetchModel } from './fetch-model.ts';
import { HubServer } from './hub-server.fixture.ts';

const FILES = {
  'config.json': Buffer.from('{"model_type":"llama"}'),
  'model.safetensors': randomBytes(600_000),
  'tokenizer.json': Buffer.from('{}'),
  'README.md': Buffer.from('not wanted'),
  'pytorch_model.bin': randomBytes(2000),
  'onnx/model.onnx': randomBytes(2000),
};
const WANTED = ['config.json', 'model.safetensors', 'tokenizer.json'] as const;

async function started(files: Readonly<Record<string, Buffer>> = FILES) {
  const server = new HubServer(files);
  const endpoint = await server.listen();
  const out = join(await temporaryFolder(), 'model');
  const options = { repository: server.repository, revision: 'main', endpoint, out };
  return { server, options, out };
}

const visible = async (folder: string) => (await readdir(folder)).filter((name) => !name.startsWith('.')).toSorted();

test('a model folder is fetched whole, and without what it does not need', async () => {
  const { server, options, out } = await started();
  await using _ = server;
  const progress: number[] = [];
  const fetched = await fetchModel({ ...options, onProgress: ({ fetchedBytes }) => progress.push(fetchedBytes) });
  expect(fetched).toMatchObject({ commit: server.commit, fetched: true });
  expect(await visible(out)).toEqual([...WANTED]);
  for (const name of WANTED) expect(await readFile(join(out, name))).toEqual(FILES[name]);
  expect(progress.at(-1)).toBe(WANTED.reduce((sum, name) => sum + FILES[name].length, 0));
});

test('everything that decides on tokens and templates is fetched, chat templates with names too', async () => {
  const companions = {
    'added_tokens.json': Buffer.from('{}'),
    'chat_template.json': Buffer.from('{"chat_template":"a"}'),
    'chat_template.jinja': Buffer.from('b'),
    'generation_config.json': Buffer.from('{}'),
    'special_tokens_map.json': Buffer.from('{}'),
    'additional_chat_templates/tool_use.jinja': Buffer.from('c'),
    'additional_chat_templates/rag.jinja': Buffer.from('d'),
  };
  const unwanted = {
    'additional_chat_templates/README.md': Buffer.from('not wanted'),
    'examples/chat.jinja': Buffer.from('not wanted'),
  };
  const { server, options, out } = await started({ ...FILES, ...companions, ...unwanted });
  await using _ = server;
  const { files } = await fetchModel(options);
  expect(files.toSorted()).toEqual([...WANTED, ...Object.keys(companions)].toSorted());
  for (const [name, bytes] of Object.entries(companions)) expect(await readFile(join(out, name))).toEqual(bytes);
});

test('a folder that holds the model is left alone, without asking the hub', async () => {
  const { server, options } = await started();
  await fetchModel(options);
  await server[Symbol.asyncDispose]();
  expect(await fetchModel(options)).toMatchObject({ commit: server.commit, fetched: false });
  await expect(fetchModel({ ...options, revision: 'v2' })).rejects.toMatchObject({ reason: 'OTHER_MODEL' });
});

test('where connections are cut it goes on, and fetches nothing twice', async () => {
  const { server, options, out } = await started();
  await using _ = server;
  server.cuts = { after: 200_000, left: 2 };
  await fetchModel(options);
  expect(await readFile(join(out, 'model.safetensors'))).toEqual(FILES['model.safetensors']);
  const probes = WANTED.length;
  expect(server.sent).toBe(WANTED.reduce((sum, name) => sum + FILES[name].length, 0) + probes);
});

test('what an earlier call has fetched is kept; what it left damaged is fetched anew', async () => {
  const { server, options, out } = await started();
  await using _ = server;
  await expect(fetchModel({ ...options, signal: AbortSignal.abort() })).rejects.toThrow();
  await writeFile(join(out, 'model.safetensors.unfinished'), FILES['model.safetensors'].subarray(0, 599_000));
  await writeFile(join(out, 'tokenizer.json.unfinished'), 'of another commit, and longer');
  await writeFile(join(out, 'config.json'), '{"model_type":"gpt2"}');
  server.sent = 0;
  await fetchModel(options);
  for (const name of WANTED) expect(await readFile(join(out, name))).toEqual(FILES[name]);
  expect(server.sent).toBeLessThan(2000);
  expect(await visible(out)).toEqual([...WANTED]);
});

test('of several that want the same folder at once one fetches, and the others wait for it', async () => {
  const { server, options, out } = await started();
  await using _ = server;
  server.cuts = { after: 200_000, left: 2 };
  let waiting = 0;
  const onWait = () => void waiting++;
  const models = await Promise.all([1, 2, 3].map(() => fetchModel({ ...options, onWait })));
  expect(models.map(({ fetched }) => fetched).toSorted()).toEqual([false, false, true]);
  expect(waiting).toBe(2);
  expect(server.sent).toBe(WANTED.reduce((sum, name) => sum + FILES[name].length, 0) + WANTED.length);
  expect((await readdir(out)).filter((name) => name.startsWith('.'))).toEqual(['.alphapo-model.json']);
});

test('damaged bytes are refused, and nothing of them is kept', async () => {
  const { server, options, out } = await started();
  await using _ = server;
  server.damaged = 'model.safetensors';
  await expect(fetchModel(options)).rejects.toMatchObject({ reason: 'WRONG_DIGEST' });
  expect(await visible(out)).toEqual(['config.json']);
});

test('a pinned digest wins over what the hub says', async () => {
  const { server, options } = await started();
  await using _ = server;
  const pinned = new Map([['model.safetensors', 'ab'.repeat(32)]]);
  await expect(fetchModel({ ...options, pinned })).rejects.toMatchObject({ reason: 'WRONG_DIGEST' });
  const missing = new Map([['other.safetensors', 'ab'.repeat(32)]]);
  await expect(fetchModel({ ...options, pinned: missing })).rejects.toMatchObject({ reason: 'FILE_NOT_FOUND' });
});

test('a token opens what needs one, and stays out of messages', async () => {
  const { server, options } = await started();
  await using _ = server;
  server.token = 'any-secret';
  await expect(fetchModel(options)).rejects.toMatchObject({ reason: 'HUB_REFUSED' });
  const wrong = await fetchModel({ ...options, token: 'any-wrong' }).catch((error: Error) => error);
  expect((wrong as Error).message).toContain('check the token');
  expect((wrong as Error).message).not.toContain('any-wrong');
  await fetchModel({ ...options, token: 'any-secret' });
});

test('what is no model is refused; a hub that is not there is named', async () => {
  const { server, options } = await started({ 'config.json': Buffer.from('{}') });
  await using _ = server;
  await expect(fetchModel(options)).rejects.toMatchObject({ reason: 'NOT_A_MODEL' });
  await expect(fetchModel({ ...options, repository: 'team/none' })).rejects.toMatchObject({ reason: 'HUB_REFUSED' });
  await expect(fetchModel({ ...options, endpoint: 'http://127.0.0.1:1' })).rejects.toMatchObject({
    reason: 'HUB_UNAVAILABLE',
  });
});

test.each([408, 429, 503])('a hub that has no time is not one that refuses: status %i', async (status) => {
  const { server, options } = await started();
  await using _ = server;
  server.status = status;
  await expect(fetchModel(options)).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'HUB_UNAVAILABLE',
    message: expect.stringContaining('not now'),
  });
});
