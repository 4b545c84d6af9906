import { spawnSync } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { main } from '@alphapo/cli';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What the program prints on standard error, and its exit code; run in this process, as a start of its own takes seconds. */
async function failureOf(...args: string[]): Promise<{ text: string; exitCode: unknown }> {
  const { write } = process.stderr;
  const before = process.exitCode;
  let text = '';
  process.stderr.write = (part) => {
    text += part;
    return true;
  };
  try {
    process.exitCode = undefined;
    await main(['node', 'alphapo', ...args]);
    return { text, exitCode: process.exitCode };
  } finally {
    process.stderr.write = write;
    process.exitCode = before;
  }
}

async function places() {
  const folder = await temporaryFolder();
  const [file, empty, model, data] = ['file', 'empty', 'model', 'pairs.jsonl'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  await writeFile(file, 'text');
  await writeFile(data, `${JSON.stringify({ prompt: 'a', chosen: 'b', rejected: 'c' })}\n`);
  await failureOf('init-model', model);
  return { folder, file, empty, model, data };
}

type Places = Awaited<ReturnType<typeof places>>;

/** Every command that writes, with a place for what it writes. */
const WRITERS: readonly (readonly [string, (places: Places, out: string) => string[]])[] = [
  ['train', ({ model, data }, out) => ['train', '--model', model, '--data', data, '--out', out]],
  ['demo', (_, out) => ['demo', '--out', out]],
  ['init-model', (_, out) => ['init-model', out]],
  ['fetch-model', (_, out) => ['fetch-model', '--repo', 'a/b', '--endpoint', 'http://127.0.0.1:9', '--out', out]],
  ['replay', ({ folder }, out) => ['replay', '--run', folder, '--step', '1', '--out', out]],
];

const BAD_FOLDERS: readonly (readonly [string, (places: Places) => string, string])[] = [
  ['a file', ({ file }) => file, 'is a file, but a folder is needed'],
  ['below a file', ({ file }) => join(file, 'run'), 'is a file, but a folder is needed'],
  ['in /proc', () => '/proc/alphapo/run', 'the folder cannot be created'],
  ['/proc itself', () => '/proc', 'cannot write /proc'],
];

describe.each(WRITERS)('%s', (_name, command) => {
  test.each(BAD_FOLDERS)(
    'does not write where --out is %s, and says so in one line',
    async (_what, placeOf, problem) => {
      const made = await places();
      const { text, exitCode } = await failureOf(...command(made, placeOf(made)));
      expect({ text, exitCode }).toEqual({ text: expect.stringContaining(problem), exitCode: 1 });
      expect(text).toMatch(/^alphapo: (--out|<folder>): [^\n]*\n$/);
    },
  );
});

test.each<[string, (places: Places) => string[], RegExp]>([
  [
    'score into a folder',
    ({ model, data, folder }) => ['score', '--model', model, '--data', data, '--out', folder],
    /is a folder, but a file is needed/,
  ],
  [
    'score into no folder',
    ({ model, data, folder }) => ['score', '--model', model, '--data', data, '--out', `${folder}/a/b`],
    /the folder to write to does not exist/,
  ],
  [
    'train on an empty file',
    ({ model, file, folder }) => ['train', '--model', model, '--data', file, '--out', join(folder, 'run')],
    /is not a file of records/,
  ],
  [
    'train on absent data',
    ({ model, folder }) => ['train', '--model', model, '--data', '/nowhere.jsonl', '--out', join(folder, 'run')],
    /nowhere\.jsonl/,
  ],
  [
    'train on a folder without data',
    ({ model, empty, folder }) => ['train', '--model', model, '--data', empty, '--out', join(folder, 'run')],
    /alphapo: /,
  ],
  [
    'train a file',
    ({ data, folder }) => ['train', '--model', data, '--data', data, '--out', join(folder, 'run')],
    /--model .*pass it with --data/,
  ],
  [
    'train an absent model',
    ({ data, folder }) => ['train', '--model', 'nobody/none', '--data', data, '--out', join(folder, 'run')],
    /^alphapo: --model nobody\/none: no such folder; fetch it: alphapo fetch-model/,
  ],
  ['plan a data set', ({ data }) => ['plan', '--model', data], /pass it with --data/],
  ['verify no run', ({ file }) => ['verify', '--run', file], /there is no/],
  ['lineage of no run', ({ folder }) => ['lineage', '--run', folder, '--step', '1'], /there is no/],
  ['validate a folder', ({ folder }) => ['validate', '--config', folder], /EISDIR|folder/],
])('%s: one line, no stack', async (_what, argsOf, problem) => {
  const made = await places();
  const { text, exitCode } = await failureOf(...argsOf(made));
  expect(text).toMatch(problem);
  expect(text.trimEnd().split('\n')).toHaveLength(1);
  expect([1, 2]).toContain(exitCode);
});

test('a place that is refused stays as it was', async () => {
  const { folder, model, data } = await places();
  const before = await readdir(folder);
  await failureOf('train', '--model', model, '--data', data, '--out', join(folder, 'a/b/run'), '--batch-size', 'x');
  expect(await readdir(folder)).toEqual(before);
});

test('an error nobody expected asks to report it, and --debug shows where it came from', () => {
  const script = `import { describeError } from ${JSON.stringify(join(import.meta.dirname, '../../cli/src/errors.ts'))};
    const error = new TypeError('x is not a function');
    console.log(describeError(error)); console.log('---'); console.log(describeError(error, ['--debug']));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  const [plain = '', debugged = ''] = stdout.split('---');
  expect(plain).toContain('unexpected error: x is not a function\nThis is a bug in AlphaPO.');
  expect(plain).not.toContain(' at ');
  expect(debugged).toContain('    at ');
});

/** Milliseconds after the start, at some of which the program is still being loaded. */
test.each([50, 400, 1_500, 4_000])(
  'SIGINT %i ms after the start ends train at once, without a stack',
  async (afterMs) => {
    const { folder, model, data } = await places();
    await using program = new ServiceProcess([
      ...[
        'train',
        '--model',
        model,
        '--data',
        data,
        '--out',
        join(folder, 'run'),
        '--steps',
        '5000',
        '--batch-size',
        '1',
      ],
    ]);
    await sleep(afterMs);
    program.signal('SIGINT');
    const exitCode = await program.exited();
    // Null: the signal itself ended it, which a shell shows as 130 too.
    expect([130, null]).toContain(exitCode);
    expect(program.output).not.toMatch(/^ +at /m);
  },
);
