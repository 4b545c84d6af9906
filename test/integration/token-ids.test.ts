import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { alphapo } from './kafka-run.ts';

/** A model that is trained by others' token ids has no tokenizer of its own. */

let folder: string;
let model: string;
let data: string;
let mixed: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  [model, data, mixed] = [join(folder, 'model'), join(folder, 'ids.jsonl'), join(folder, 'mixed.jsonl')];
  await alphapo('init-model', model);
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) await rm(join(model, file));
  const ids = Array.from({ length: 4 }, (_, i) => ({
    prompt_ids: [5, 6 + i],
    chosen_ids: [7, 1],
    rejected_ids: [8, 1],
  }));
  const text = { prompt: 'Is it? ', chosen: 'yes', rejected: 'no' };
  const lines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
  await writeFile(data, lines(ids));
  await writeFile(mixed, lines([...ids, text]));
});

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  await using child = new ServiceProcess(args);
  const code = await child.exited();
  return { code, output: child.output };
}

test('inspect shows ids, and refuses text by name', async () => {
  const { output } = await run('inspect', mixed, '--model', model, '--json');
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { line: 1, prompt: '5 6', chosen: '7 1', rejected: '8 1' },
    ...[{ line: 2 }, { line: 3 }, { line: 4 }],
    { line: 5, refused: 'NO_TOKENIZER', message: expect.stringContaining('prompt_ids, chosen_ids, rejected_ids') },
  ]);
});

test('score and train need no tokenizer', async () => {
  const scores = join(folder, 'scores.jsonl');
  expect(await run('score', '--model', model, '--data', data, '--out', scores)).toMatchObject({ code: 0 });
  expect((await readFile(scores, 'utf8')).trim().split('\n')).toHaveLength(4);
  const out = join(folder, 'run');
  const trained = await run(
    'train',
    '--model',
    model,
    '--data',
    mixed,
    '--out',
    out,
    '--steps',
    '1',
    '--batch-size',
    '4',
  );
  expect(trained).toMatchObject({ code: 0, output: expect.stringContaining('only token ids are read') });
  expect(await readFile(join(out, 'rejected.jsonl'), 'utf8')).toContain('"NO_TOKENIZER"');
});
