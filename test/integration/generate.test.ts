import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { alphapo } from './kafka-run.ts';

/** A line that `alphapo generate` writes. */
interface Answer {
  readonly id: string;
  readonly index?: number;
  readonly text: string;
  readonly tokens: readonly number[];
  readonly logProbs: readonly number[];
  readonly finish: 'stop' | 'length';
  readonly right?: boolean;
}

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  model = join(folder, 'model');
  await alphapo('init-model', model);
});

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  await using child = new ServiceProcess(['generate', '--model', model, '--threads', '1', ...args]);
  const code = await child.exited();
  return { code, output: child.output };
}

async function answers(prompts: readonly object[], ...options: string[]): Promise<Answer[]> {
  const [data, out] = [join(folder, 'prompts.jsonl'), join(folder, 'answers.jsonl')];
  await writeFile(data, prompts.map((prompt) => `${JSON.stringify(prompt)}\n`).join(''));
  const { code, output } = await run('--data', data, '--out', out, ...options);
  if (code !== 0) throw new Error(output);
  return (await readFile(out, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const PROMPTS = [
  { id: 'text', prompt: 'Once upon' },
  { id: 'chat', messages: [{ role: 'user', content: 'Hi' }] },
  { id: 7, prompt_ids: [0, 70, 71, 72] },
  { prompt: 'no id' },
];

test('prompts as text, messages and token ids are answered in their order, with log-probabilities', async () => {
  const lines = await answers(PROMPTS, '--max-tokens', '9', '--ignore-end');
  expect(lines.map(({ id }) => id)).toEqual(['text', 'chat', '7', '4']);
  for (const { tokens, logProbs, finish, text } of lines) {
    expect([tokens.length, logProbs.length, finish]).toEqual([9, 9, 'length']);
    expect(logProbs.every((logProb) => logProb <= 0)).toBe(true);
    expect(typeof text).toBe('string');
  }
});

test('--judge counts right answers; without it, a field of this name means nothing', async () => {
  const [first, second] = await answers(PROMPTS.slice(0, 2), '--max-tokens', '6', '--ignore-end');
  const asked = [
    { ...PROMPTS[0], answer: first?.text },
    { ...PROMPTS[1], answer: { prefix: `${second?.text}!` } },
    PROMPTS[2] as object,
  ];
  const judged = await answers(asked, '--max-tokens', '6', '--ignore-end', '--judge');
  expect(judged.map(({ right }) => right)).toEqual([true, false, undefined]);
  const [data, out] = [join(folder, 'prompts.jsonl'), join(folder, 'answers.jsonl')];
  const { output } = await run('--data', data, '--out', out, '--max-tokens', '6', '--ignore-end', '--judge');
  expect(output).toContain('right: 1 of 2 answers, 50.0 %');
  const odd = await answers([{ ...PROMPTS[0], answer: 7 }], '--max-tokens', '2');
  expect(odd[0]).not.toHaveProperty('right');
  const wrong = await run('--data', data, '--judge');
  expect([wrong.code === 0, wrong.output]).toEqual([false, expect.stringContaining('prompts.jsonl:1: answer: needs')]);
  const without = await run('--prompt', 'a', '--judge');
  expect(without.output).toContain('--judge needs --data');
});

test('the same seed gives the same answers, several to a prompt; another seed gives others', async () => {
  const drawn = (seed: string) =>
    answers(PROMPTS, '--max-tokens', '12', '--temperature', '1', '--n', '3', '--seed', seed, '--ignore-end');
  const [first, again, other] = [await drawn('1'), await drawn('1'), await drawn('2')];
  expect(first.map(({ id, index }) => `${id}-${index}`).slice(0, 4)).toEqual(['text-0', 'text-1', 'text-2', 'chat-0']);
  expect(again).toEqual(first);
  expect(other.map(({ tokens }) => tokens)).not.toEqual(first.map(({ tokens }) => tokens));
});

test('a stop text ends an answer, and is not a part of it', async () => {
  const [free] = await answers([PROMPTS[2] as object], '--max-tokens', '30', '--temperature', '1', '--ignore-end');
  const stop = free?.text.slice(3, 5) as string;
  const [stopped] = await answers([PROMPTS[2] as object], '--max-tokens', '30', '--temperature', '1', '--stop', stop);
  expect(stopped).toMatchObject({ finish: 'stop', text: free?.text.slice(0, free.text.indexOf(stop)) });
});

test('a model without a tokenizer continues token ids, and says what it cannot do', async () => {
  const bare = join(folder, 'bare');
  await alphapo('init-model', bare);
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) await rm(join(bare, file));
  const [answer] = await answers([{ prompt_ids: [0, 70] }], '--model', bare, '--max-tokens', '4', '--ignore-end');
  expect(answer).toMatchObject({ text: '', tokens: { length: 4 } });
  const { code, output } = await run('--model', bare, '--prompt', 'Hi');
  expect([code, output]).toEqual([
    1,
    expect.stringMatching(/the model has no tokenizer; use token ids \(prompt_ids\)/),
  ]);
});

test.each([
  ['nothing to answer', [], /give either --prompt or --data/],
  ['a temperature below zero', ['--prompt', 'a', '--temperature', '-1'], /--temperature/],
])('%s is refused in one line', async (_what, args, message) => {
  const { code, output } = await run(...args);
  expect(code).toBe(1);
  expect(output).toMatch(message);
});

test('a line that is no prompt is named', async () => {
  await expect(answers([{ prompt: 'a' }, { text: 'b' }])).rejects.toThrow(/prompts\.jsonl:2: .*one of prompt/);
});
