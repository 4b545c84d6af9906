import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';
import { writeByteTokenizer } from '../byte-tokenizer.ts';
import { openTokenizer, tokenizePreference } from '../index.ts';
import type { ProcessLimits } from './limits.ts';
import { TokenizerPool } from './tokenizer-pool.ts';

const LENGTHS = { maxLength: 64, maxPromptLength: 48 };
const STRICT: ProcessLimits = { cpuSeconds: { parse: 5, render: 0.5, encode: 5 }, heapMb: 128 };
/** Memory runs out first, however slow the machine is. */
const PATIENT: ProcessLimits = { ...STRICT, cpuSeconds: { parse: 60, render: 60, encode: 60 } };

async function folderWith(template?: string): Promise<string> {
  const folder = await temporaryFolder();
  await writeByteTokenizer(folder);
  if (template !== undefined) await writeFile(join(folder, 'chat_template.jinja'), template);
  return folder;
}

const poolWith = async (template?: string, limits = STRICT) =>
  TokenizerPool.open(await folderWith(template), { limits });

const conversation = (question: string) => ({
  kind: 'messages' as const,
  prompt: [{ role: 'user', content: question }],
  chosen: [{ role: 'assistant', content: 'yes' }],
  rejected: [{ role: 'assistant', content: 'no' }],
});
const record = (question: string) =>
  Buffer.from(JSON.stringify({ prompt: [{ role: 'user', content: question }], chosen: 'yes', rejected: 'no' }));

/** Harms where the conversation asks for it, and else writes the messages. */
const harmfulWhenAsked = (harm: string) =>
  `{% for message in messages %}{% if message.content == 'harm' %}${harm}{% endif %}[{{ message.content }}]{% endfor %}`;

const FOREVER = '{% for i in range(100000) %}{% for j in range(100000) %}{{ i }}{% endfor %}{% endfor %}';
/** In one step of native code, where a thread would take the whole process with it. */
const ALL_MEMORY =
  "{% set ns = namespace(s='abcdefgh') %}{% for i in range(25) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s|upper }}";
const HUGE_TEXT =
  "{% set ns = namespace(s='abcdefgh') %}{% for i in range(17) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}";

test('processes return the results of the tokenizer, in the order of the items', async () => {
  const folder = await folderWith();
  const tokenizer = await openTokenizer(folder);
  await using pool = await TokenizerPool.open(folder, { processes: 2 });
  const questions = Array.from({ length: 100 }, (_, i) => `question ${i}`);
  const results = await pool.run('records', [...questions.map(record), Buffer.from('{'), Buffer.from([0xff])], LENGTHS);
  const expected = questions.map((question) => tokenizePreference(tokenizer, conversation(question), LENGTHS));
  expect(results.slice(0, 100)).toMatchObject(expected);
  expect(results.slice(100)).toMatchObject([{ reason: 'NOT_JSON' }, { reason: 'NOT_UTF8' }]);
  expect(pool.description).toEqual({
    takes: 'text-and-ids',
    vocabularySize: 259,
    special: { bos: 0, eos: 1, pad: 2 },
    digest: tokenizer.digest,
    chatTemplate: { source: 'model', place: 'tokenizer_config.json', digest: tokenizer.chatTemplate.digest },
  });
});

test.each([
  ['loops', FOREVER, STRICT, 'TEMPLATE_TIMEOUT', 'took more than 0.5 s of CPU time'],
  ['takes all memory', ALL_MEMORY, PATIENT, 'TEMPLATE_OUT_OF_MEMORY', 'which may take 128 MiB'],
  ['writes too much', HUGE_TEXT, PATIENT, 'TEMPLATE_OUTPUT_TOO_LONG', 'renders 10485'],
])(
  'a template that %s is stopped with the record named, and the others are done',
  async (_what, harm, limits, reason, said) => {
    await using pool = await poolWith(harmfulWhenAsked(harm), limits);
    const results = await pool.run('records', ['a', 'harm', 'b', 'c'].map(record), LENGTHS);
    expect(results.map((made) => (made.ok ? 'made' : made.reason))).toEqual(['made', reason, 'made', 'made']);
    expect(results[1]).toMatchObject({ message: expect.stringContaining(said) });
    const [again] = await pool.run('preferences', [conversation('d')], LENGTHS);
    expect(again?.ok).toBe(true);
  },
);

test('where results can not say so, a stopped item is an error', async () => {
  await using pool = await poolWith(FOREVER);
  const messages = [{ role: 'user', content: 'Hi' }];
  await expect(pool.run('conversations', [messages], { addGenerationPrompt: true })).rejects.toMatchObject({
    code: 'invalid-argument',
    reason: 'TEMPLATE_TIMEOUT',
  });
  expect(await pool.run('texts', ['a'], { addSpecialTokens: false })).toEqual([[100]]);
});

test('a record whose parsing explodes is stopped and named', async () => {
  await using pool = await poolWith();
  const deep = Buffer.from('['.repeat(2 ** 22) + ']'.repeat(2 ** 22));
  const results = await pool.run('records', [record('a'), deep, record('b')], LENGTHS);
  expect(results.map((made) => (made.ok ? 'made' : made.reason))).toEqual(['made', 'RECORD_TOO_COMPLEX', 'made']);
});

test('the event loop stays free while a text of a megabyte is tokenized', async () => {
  await using pool = await poolWith();
  let done = false;
  const long = pool.run('texts', ['ab '.repeat(2 ** 18)], { addSpecialTokens: false }).finally(() => {
    done = true;
  });
  const turns: number[] = [];
  while (!done) {
    const before = performance.now();
    await sleep(1);
    turns.push(performance.now() - before);
  }
  expect((await long)[0]).toHaveLength(3 * 2 ** 18);
  // In one piece it would be a turn of a second. The median leaves out what other processes of a busy machine take.
  expect(turns.length).toBeGreaterThan(20);
  expect(turns.toSorted((a, b) => a - b)[Math.floor(turns.length / 2)]).toBeLessThan(50);
});

/** Ids of the processes that one has started. */
async function childrenOf(pid: number): Promise<number[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean).map(Number);
}

/** What has ended may stay in the list as a zombie, where nobody asks how it ended. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ') X');
  return !['X', 'Z'].includes(stat.charAt(stat.lastIndexOf(')') + 2));
}

/** Asks until there is an answer. */
async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 100; i++) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(100);
  }
  throw new Error('waited in vain');
}

test('an item whose process is killed is retried by another one, even if it is the only item', async () => {
  const before = await childrenOf(process.pid);
  await using pool = await poolWith();
  const [child] = (await childrenOf(process.pid)).filter((pid) => !before.includes(pid));
  process.kill(child as number, 'SIGKILL');
  expect(await pool.run('records', [record('a')], LENGTHS)).toMatchObject([{ ok: true }]);
});

test('a process in a template that never ends does not outlive a killed parent', async () => {
  const folder = await folderWith(FOREVER);
  const index = new URL('../index.ts', import.meta.url).href;
  const script = `
    const { TokenizerPool } = await import(${JSON.stringify(index)});
    const pool = await TokenizerPool.open(${JSON.stringify(folder)}, { limits: { cpuSeconds: { parse: 60, render: 60, encode: 60 }, heapMb: 128 } });
    const asked = pool.run('conversations', [[{ role: 'user', content: 'Hi' }]], { addGenerationPrompt: true });
    process.stdout.write('asked');
    await asked;`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(parent.stdout, 'data');
  await sleep(500);
  const [worker] = await childrenOf(parent.pid as number);
  parent.kill('SIGKILL');
  await eventually(async () => ((await isRunning(worker as number)) ? undefined : 'ended'));
});

test('closing ends calls that are under way', async () => {
  const pool = await poolWith(FOREVER);
  const messages = [{ role: 'user', content: 'Hi' }];
  const calls = [1, 2].map(() => pool.run('conversations', [messages], { addGenerationPrompt: true }));
  const refused = calls.map((call) => expect(call).rejects.toMatchObject({ reason: 'TOKENIZER_CLOSED' }));
  await sleep(50);
  await pool[Symbol.asyncDispose]();
  await Promise.all(refused);
});

test('a folder without a tokenizer is named, and an aborted call ends', async () => {
  await expect(TokenizerPool.open(await temporaryFolder())).rejects.toMatchObject({ reason: 'TOKENIZER_NOT_FOUND' });
  await using pool = await poolWith();
  const signal = AbortSignal.abort(new Error('left'));
  await expect(pool.run('texts', ['a'], { addSpecialTokens: false }, signal)).rejects.toThrow('left');
});
