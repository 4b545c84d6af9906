import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { HubServer } from '../../libs/hub/src/hub-server.fixture.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { addDataOptions, type DataValues, dataSourceOf, parseColumns, parseWinner } from './data-options.ts';
import { readPlaces } from './data-places.ts';
import { modelFolder } from './model-place.ts';

const CARD = `---
configs:
  - config_name: default
    data_files:
      - split: train
        path: data/train-*
      - split: test
        path: data/test.csv
  - config_name: short
    data_files: short.jsonl
---
`;
const FILES = {
  'README.md': Buffer.from(CARD),
  'data/train-00000-of-00002.jsonl': Buffer.from('{"question":"a","n":9007199254740993}\n'),
  'data/train-00001-of-00002.jsonl': Buffer.from('{"question":"b","n":NaN}\n'),
  'data/test.csv': Buffer.from('question\nc\n'),
  'short.jsonl': Buffer.from('{"question":"d"}\n'),
};

const { ALPHAPO_CACHE, HF_HUB_OFFLINE } = process.env;

beforeEach(async () => {
  process.env.ALPHAPO_CACHE = await temporaryFolder();
});

afterEach(() => {
  restore('ALPHAPO_CACHE', ALPHAPO_CACHE);
  restore('HF_HUB_OFFLINE', HF_HUB_OFFLINE);
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

async function datasetServer() {
  const server = new HubServer(FILES);
  server.kind = 'dataset';
  return { server, endpoint: await server.listen() };
}

async function readAll(places: readonly string[], args: readonly string[] = []) {
  const values = addDataOptions(new Command()).parse(args, { from: 'user' }).opts<DataValues>();
  const notes: string[] = [];
  const records: string[] = [];
  const places_ = readPlaces(places, await dataSourceOf(values), (note) => notes.push(note));
  for await (const { bytes, file, line } of places_) records.push(`${file}:${line} ${Buffer.from(bytes)}`);
  return { records, notes };
}

test.each([
  [
    '',
    [
      'data/train-00000-of-00002.jsonl:1 {"question":"a","n":9007199254740993}',
      'data/train-00001-of-00002.jsonl:1 {"question":"b","n":NaN}',
    ],
  ],
  [':test', ['data/test.csv:1 {"question":"c"}']],
  [':default/test', ['data/test.csv:1 {"question":"c"}']],
  [':short', ['short.jsonl:1 {"question":"d"}']],
  ['@v1.0:short/train', ['short.jsonl:1 {"question":"d"}']],
])('hf:owner/name%s is read from the hub, by its commit', async (suffix, expected) => {
  const { server, endpoint } = await datasetServer();
  await using _ = server;
  const { records, notes } = await readAll([`hf:team/model${suffix}`], ['--endpoint', endpoint]);
  expect(records).toEqual(expected.map((record) => `hf:team/model@${server.commit}/${record}`));
  expect(notes[0]).toMatch(`commit ${server.commit}`);
});

test('a part that a data set does not have is named with those that it has, and nothing but its README is fetched', async () => {
  const { server, endpoint } = await datasetServer();
  await using _ = server;
  await expect(readAll(['hf:team/model:validation'], ['--endpoint', endpoint])).rejects.toMatchObject({
    reason: 'DATA_PART_UNKNOWN',
    message: expect.stringMatching(/no part validation.*hf:team\/model:short.*hf:team\/model:test/),
  });
  expect(server.sent).toBeLessThan(CARD.length + 10);
  await expect(readAll(['hf:team'])).rejects.toMatchObject({ reason: 'INVALID_DATA_PLACE' });
});

test('columns of files, folders and data sets become fields, and what is left out is counted', async () => {
  const file = join(await temporaryFolder(), 'votes.csv');
  await writeFile(file, 'q,a,b,vote,s\n1,x,y,a,0.5\n2,x,y,b,2\n3,x,y,tie,1\n4,x,y,,1\n');
  const { records, notes } = await readAll(
    [file],
    ['--columns', 'prompt=q,chosen=a', '--columns', 'rejected=b', '--winner', 'vote', '--weight', 's'],
  );
  expect(records).toEqual([
    `${file}:1 {"prompt":"1","chosen":"x","rejected":"y","weight":0.5}`,
    `${file}:2 {"prompt":"2","chosen":"y","rejected":"x","weight":2}`,
  ]);
  expect(notes).toEqual(['left out 1 (tie), 1 (no vote)']);
});

test.each(['prompt', 'prompt=', '=question', 'a=b,', 'a=b,a=c'])('--columns %s is refused', (text) => {
  expect(() => parseColumns(text)).toThrow(/must be|twice/);
});

test.each(['', '=1,2', 'winner=1', 'winner=1,1', 'winner=1,2,3,4'])('--winner %s is refused', (text) => {
  expect(() => parseWinner(text)).toThrow(/must be/);
});

describe('--model owner/name', () => {
  const access = (endpoint: string) => ({ endpoint, token: undefined });

  test('is fetched into the cache; a folder of that name wins', async () => {
    await using server = new HubServer({ 'config.json': Buffer.from('{}'), 'model.safetensors': Buffer.alloc(8) });
    const endpoint = await server.listen();
    const folder = await modelFolder('team/model', access(endpoint));
    expect(folder).toBe(join(process.env.ALPHAPO_CACHE as string, 'models', 'team/model', server.commit));
    for (const path of ['./team/model', '/nowhere/model', 'cli/src']) {
      expect(await modelFolder(path, access(endpoint))).toBe(path);
    }
  });

  test('that no hub gives, or that is not asked for, says how to fetch it', async () => {
    const expected =
      /^--model team\/other@v2: no such folder; fetch it: alphapo fetch-model --repo team\/other --revision v2 --out other/;
    for (const offline of ['', '1']) {
      process.env.HF_HUB_OFFLINE = offline;
      await expect(modelFolder('team/other@v2', access('http://127.0.0.1:1'))).rejects.toMatchObject({
        reason: 'MODEL_NOT_FOUND',
        message: expect.stringMatching(expected),
      });
    }
  });
});
