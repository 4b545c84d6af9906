import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { HubServer } from './hub-server.fixture.ts';
import { cachedModel, openDataset } from './index.ts';

const MODEL = {
  'config.json': Buffer.from('{"model_type":"llama"}'),
  'model.safetensors': Buffer.alloc(150_000, 'a'),
  'tokenizer.json': Buffer.from('{}'),
};
const DATASET = {
  'README.md': Buffer.from('---\nconfigs: []\n---\n'),
  'data/train-00000-of-00001.parquet': Buffer.alloc(400_000, 'p'),
  'data/test-00000-of-00001.parquet': Buffer.alloc(10, 'q'),
  'empty.jsonl': Buffer.alloc(0),
};
const TRAIN = 'data/train-00000-of-00001.parquet';

async function started(kind: 'model' | 'dataset', files: Readonly<Record<string, Buffer>>) {
  const server = new HubServer(files);
  server.kind = kind;
  const endpoint = await server.listen();
  const cache = await temporaryFolder();
  return { server, cache, options: { repository: server.repository, revision: 'main', endpoint, cache } };
}

describe('a data set of a hub', () => {
  test('is listed with all of its folders, and only the files that are asked for are fetched', async () => {
    const { server, options, cache } = await started('dataset', DATASET);
    await using _ = server;
    const dataset = await openDataset(options);
    expect(dataset).toMatchObject({
      commit: server.commit,
      paths: Object.keys(DATASET),
      card: expect.stringContaining('configs'),
    });
    const before = server.sent;
    const [train, empty] = await dataset.fetch([TRAIN, 'empty.jsonl']);
    expect(train).toBe(join(cache, 'datasets', 'team/model', server.commit, TRAIN));
    expect(await readFile(train as string)).toEqual(DATASET[TRAIN]);
    expect(await readFile(empty as string)).toHaveLength(0);
    expect(server.sent - before).toBeLessThan(400_010);
  });

  test('is fetched once, and goes on where the connection was cut', async () => {
    const { server, options } = await started('dataset', DATASET);
    await using _ = server;
    server.cuts = { after: 150_000, left: 2 };
    await (await openDataset(options)).fetch([TRAIN]);
    const { sent } = server;
    const [again] = await (await openDataset(options)).fetch([TRAIN]);
    expect(server.sent).toBe(sent);
    expect(await readFile(again as string)).toEqual(DATASET[TRAIN]);
  });

  test('that was damaged in the cache is fetched anew', async () => {
    const { server, options } = await started('dataset', DATASET);
    await using _ = server;
    const [path] = await (await openDataset(options)).fetch([TRAIN]);
    await writeFile(path as string, Buffer.alloc(400_000, 'x'));
    await (await openDataset(options)).fetch([TRAIN]);
    expect(await readFile(path as string)).toEqual(DATASET[TRAIN]);
  });

  test('of a commit that is in the cache needs no hub, and a branch falls back to what it named last', async () => {
    const { server, options } = await started('dataset', DATASET);
    await (await openDataset(options)).fetch([TRAIN]);
    await server[Symbol.asyncDispose]();
    const notes: string[] = [];
    const onNote = (note: string) => void notes.push(note);
    for (const revision of [server.commit, 'main']) {
      const dataset = await openDataset({ ...options, revision, onNote });
      expect(await dataset.fetch([TRAIN])).toHaveLength(1);
    }
    expect(notes).toEqual([expect.stringMatching(`using commit ${server.commit}, the last known one of main`)]);
    await expect(openDataset({ ...options, revision: 'v2' })).rejects.toMatchObject({ reason: 'HUB_UNAVAILABLE' });
  });

  test('offline is read from the cache, and is an error where it is not there', async () => {
    const { server, options } = await started('dataset', DATASET);
    await using _ = server;
    await expect(openDataset({ ...options, offline: true })).rejects.toMatchObject({ reason: 'NOT_IN_CACHE' });
    await openDataset(options);
    const { requests } = server;
    const dataset = await openDataset({ ...options, offline: true });
    await expect(dataset.fetch([TRAIN])).rejects.toMatchObject({ reason: 'NOT_IN_CACHE' });
    expect(server.requests).toBe(requests);
  });

  test('another commit of the same branch has files of its own', async () => {
    const { server, options } = await started('dataset', DATASET);
    await using _ = server;
    const [old] = await (await openDataset(options)).fetch([TRAIN]);
    server.commit = 'beef'.padEnd(40, '0');
    server.files.set(TRAIN, Buffer.from('new'));
    const [now] = await (await openDataset(options)).fetch([TRAIN]);
    expect(await readFile(now as string, 'utf8')).toBe('new');
    expect(await readFile(old as string)).toEqual(DATASET[TRAIN]);
  });

  test.each(['../out.jsonl', '/etc/x.jsonl', 'a//b.jsonl', 'a/../../b.jsonl', 'a\\..\\..\\b.jsonl'])(
    'whose hub names the file %s is refused',
    async (path) => {
      const { server, options } = await started('dataset', { [path]: Buffer.from('x') });
      await using _ = server;
      await expect(openDataset(options)).rejects.toMatchObject({ reason: 'UNSAFE_PATH' });
    },
  );

  test('that needs a token is opened with it', async () => {
    const { server, options } = await started('dataset', DATASET);
    await using _ = server;
    server.token = 'any-secret';
    await expect(openDataset(options)).rejects.toMatchObject({ reason: 'HUB_REFUSED' });
    expect((await openDataset({ ...options, token: 'any-secret' })).commit).toBe(server.commit);
  });
});

describe('a model of a hub', () => {
  test('becomes a folder of the cache, by its commit, once', async () => {
    const { server, options, cache } = await started('model', MODEL);
    await using _ = server;
    const model = await cachedModel({ ...options, needs: 'all' });
    expect(model).toEqual({ commit: server.commit, folder: join(cache, 'models', 'team/model', server.commit) });
    expect(await readFile(join(model.folder, 'model.safetensors'))).toEqual(MODEL['model.safetensors']);
    const { sent } = server;
    expect(await cachedModel({ ...options, needs: 'all' })).toEqual(model);
    expect(await cachedModel({ ...options, needs: 'configuration', offline: true })).toEqual(model);
    expect(server.sent).toBe(sent);
  });

  test('of which only the configuration is needed is not fetched whole', async () => {
    const { server, options } = await started('model', MODEL);
    await using _ = server;
    const { folder } = await cachedModel({ ...options, needs: 'configuration' });
    expect(await readFile(join(folder, 'config.json'))).toEqual(MODEL['config.json']);
    expect(server.sent).toBeLessThan(1000);
    await expect(cachedModel({ ...options, needs: 'all', offline: true })).rejects.toMatchObject({
      reason: 'NOT_IN_CACHE',
    });
  });
});
