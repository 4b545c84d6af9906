import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';
import { readRecords } from '../index.ts';
import { chooseFiles } from './layout.ts';

const choose = (paths: readonly string[], part?: string, card?: string) => chooseFiles('D', { paths, card }, { part });

describe('without a README.md that says it, files are chosen by their names', () => {
  test.each<[string, string | undefined, readonly string[], readonly string[]]>([
    ['all, sorted', undefined, ['b.jsonl', 'a.csv', 'sub/c.parquet'], ['a.csv', 'b.jsonl', 'sub/c.parquet']],
    [
      'numbered files',
      undefined,
      ['data/train-00001-of-00002.parquet', 'data/train-00000-of-00002.parquet', 'data/test-00000-of-00001.parquet'],
      ['data/train-00000-of-00002.parquet', 'data/train-00001-of-00002.parquet'],
    ],
    [
      'numbered files of a split of any name',
      'train_prefs',
      ['data/train_prefs-00000-of-00001.parquet', 'data/train_sft-00000-of-00001.parquet'],
      ['data/train_prefs-00000-of-00001.parquet'],
    ],
    [
      'names with a split in them',
      undefined,
      ['pairs-train.jsonl.gz', 'pairs_test.jsonl.gz', 'pairs.dev.jsonl'],
      ['pairs-train.jsonl.gz'],
    ],
    [
      'another split',
      'validation',
      ['pairs-train.jsonl.gz', 'pairs_test.jsonl.gz', 'pairs.dev.jsonl'],
      ['pairs.dev.jsonl'],
    ],
    ['folders of splits', 'test', ['train/a.csv', 'test/a.csv', 'test/train.csv'], ['test/a.csv', 'test/train.csv']],
    [
      'no split where its name is part of a word',
      undefined,
      ['trainer.jsonl', 'latest.jsonl'],
      ['latest.jsonl', 'trainer.jsonl'],
    ],
    ['what is no test beside a test', undefined, ['pairs.jsonl', 'test.jsonl'], ['pairs.jsonl']],
    ['a test alone', undefined, ['test.jsonl'], ['test.jsonl']],
    [
      'the hub’s own Parquet',
      'b/test',
      ['a/train/0000.parquet', 'b/train/0000.parquet', 'b/test/0000.parquet', 'b/test/0001.parquet'],
      ['b/test/0000.parquet', 'b/test/0001.parquet'],
    ],
    [
      'neither hidden files nor descriptions',
      undefined,
      ['.cache/a.jsonl', '.a.jsonl', '__MACOSX/a.jsonl', 'dataset_infos.json', 'README.md', 'a.jsonl'],
      ['a.jsonl'],
    ],
  ])('%s', (_what, part, paths, chosen) => {
    expect(choose(paths, part).paths).toEqual(chosen);
  });
});

describe('a README.md says which files are whose', () => {
  const paths = ['README.md', 'data/en/a.csv', 'data/en/b.csv', 'data/de/a.csv', 'held/x.jsonl'];
  const card = (configs: string) => `---\nlicense: mit\nconfigs:\n${configs}\n---\n# Pairs`;
  test.each<[string, string, string | undefined, readonly string[]]>([
    [
      'a pattern',
      '- config_name: default\n  data_files: "data/en/*.csv"',
      undefined,
      ['data/en/a.csv', 'data/en/b.csv'],
    ],
    [
      'patterns',
      '- config_name: default\n  data_files: ["data/*/a.csv"]',
      undefined,
      ['data/de/a.csv', 'data/en/a.csv'],
    ],
    [
      'splits',
      '- config_name: default\n  data_files:\n  - {split: train, path: data/en/a.csv}\n  - {split: test, path: ["held/*"]}',
      'test',
      ['held/x.jsonl'],
    ],
    [
      'splits by name',
      '- config_name: default\n  data_files: {train: data/en/b.csv, test: held/*}',
      undefined,
      ['data/en/b.csv'],
    ],
    ['a folder', '- config_name: default\n  data_dir: data/de', undefined, ['data/de/a.csv']],
    [
      'a default',
      '- {config_name: en, data_files: data/en/*}\n- {config_name: de, data_files: data/de/*, default: true}',
      undefined,
      ['data/de/a.csv'],
    ],
    [
      'a configuration',
      '- {config_name: en, data_files: data/en/*}\n- {config_name: de, data_files: data/de/*}',
      'en',
      ['data/en/a.csv', 'data/en/b.csv'],
    ],
    [
      'a part of both',
      '- {config_name: en, data_files: data/en/*}\n- {config_name: de, data_files: data/de/*}',
      'de/train',
      ['data/de/a.csv'],
    ],
    [
      'nothing that can be read: names decide',
      '- just text',
      undefined,
      ['data/de/a.csv', 'data/en/a.csv', 'data/en/b.csv', 'held/x.jsonl'],
    ],
  ])('%s', (_what, configs, part, chosen) => {
    expect(choose(paths, part, card(configs)).paths).toEqual(chosen);
  });

  test('of several configurations without a default, one must be named', () => {
    const configs = card('- {config_name: en, data_files: data/en/*}\n- {config_name: de, data_files: data/de/*}');
    expect(() => choose(paths, undefined, configs)).toThrow('D has several parts; choose one of D:en, D:de');
    expect(() => choose(paths, 'fr', configs)).toThrow('D has no part fr; choose one of D:en, D:de');
    expect(() => choose(paths, 'fr/train', configs)).toThrow('D has no part fr/train; choose one of D:en, D:de');
    expect(() => choose(paths, 'en/test', configs)).toThrow('D has no part en/test; choose one of D:train');
  });

  test('several splits without one for training are named', () => {
    const split = ['data/train_prefs-00000-of-00001.parquet', 'data/train_sft-00000-of-00001.parquet'];
    expect(() => choose(split)).toThrow('D has several parts; choose one of D:train_prefs, D:train_sft');
  });
});

describe('a folder', () => {
  const made = async (files: Readonly<Record<string, string>>) => {
    const folder = await temporaryFolder();
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    return folder;
  };
  const read = async (place: string, notes: string[] = []) =>
    Array.fromAsync(
      readRecords(place, { onNote: (note) => void notes.push(note) }),
      ({ bytes, file, line }) => `${file}:${line} ${Buffer.from(bytes)}`,
    );

  test('is read in the order of its files, and what is not read is said', async () => {
    const folder = await made({
      'b.csv': 'a\n1\n',
      'a.jsonl': '{"a":0}\n',
      'README.md': '# Pairs',
      'pairs.py': '',
      'test.jsonl': '{"a":2}',
      '.git/x.jsonl': '{"a":3}',
    });
    const notes: string[] = [];
    expect(await read(folder, notes)).toEqual([`${folder}/a.jsonl:1 {"a":0}`, `${folder}/b.csv:1 {"a":"1"}`]);
    expect(notes).toEqual([
      `${folder}: reads a.jsonl, b.csv`,
      `${folder}: skips README.md, pairs.py, which hold no records`,
      `${folder}: leaves out test.jsonl; other splits: ${folder}:test`,
    ]);
    expect(await read(`${folder}:test`)).toEqual([`${folder}/test.jsonl:1 {"a":2}`]);
  });

  test('of links, as caches of hubs have them, is read', async () => {
    const blobs = await made({ blob: '{"a":1}' });
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'data'));
    await symlink(join(blobs, 'blob'), join(folder, 'data', 'train-00000-of-00001.jsonl'));
    await symlink(join(folder, 'nowhere'), join(folder, 'data', 'gone.jsonl'));
    expect(await read(folder)).toEqual([`${folder}/data/train-00000-of-00001.jsonl:1 {"a":1}`]);
  });

  test('with a link to itself is read once', async () => {
    const folder = await made({ 'a.jsonl': '{"a":1}' });
    await symlink(folder, join(folder, 'again'));
    expect((await read(folder)).length).toBeGreaterThan(0);
  });
});
