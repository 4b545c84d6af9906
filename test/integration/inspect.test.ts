import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceProcess } from '../support/processes.ts';
import { describeShared, sharedPath } from '../support/shared-data.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { alphapo } from './kafka-run.ts';

/** A line of `alphapo inspect --json`. */
interface Inspected {
  readonly line: number;
  readonly prompt?: string;
  readonly chosen?: string;
  readonly rejected?: string;
  readonly refused?: string;
  readonly message?: string;
}

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  model = join(folder, 'model');
  await alphapo('init-model', model);
});

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  await using child = new ServiceProcess(args);
  const code = await child.exited();
  return { code, output: child.output };
}

async function inspected(file: string, ...options: string[]): Promise<Inspected[]> {
  const { output } = await run('inspect', file, '--model', model, '--json', ...options);
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

describeShared('cases', () => {
  const pairs = (name: string) => sharedPath('cases', name, 'pairs.jsonl') as string;
  const templateOf = (name: string, file: string) => ['--chat-template', sharedPath('cases', name, file) as string];

  test('the prompt is that of the column, whatever it is called', async () => {
    const lines = await inspected(pairs('01-prompt-in-other-column'));
    const asked = ['through Cairo?', 'capital of Peru.', 'legs has a spider?', 'French: cat', '2+2?', 'Oslo?', 'Oslo?'];
    for (const [i, question] of asked.entries()) {
      expect(lines[i]?.prompt).toContain(question);
      expect(lines[i]?.prompt?.endsWith('\n\nAssistant:')).toBe(true);
    }
    expect(lines.map(({ chosen }) => chosen)).toEqual([
      ...[' The Nile runs through Cairo.', ' Lima is the capital of Peru.', ' A spider has eight legs.', ' Sure! chat'],
      ...[' The answer is 4', ' It is in Norway', ' Norway'],
    ]);
  });

  test('system and history come before the prompt', async () => {
    const prompts = (await inspected(pairs('02-system-and-history-columns'))).map(({ prompt }) => prompt);
    expect(prompts).toEqual([
      'Answer only in rhyme.\n\nHuman: Where is Oslo?\n\nAssistant:',
      '\n\nHuman: Where is Oslo?\n\nAssistant:',
      'Answer only in rhyme.\n\nHuman: Where is Oslo?\n\nAssistant:',
      'Rhyme.\n\nHuman: Where is Oslo?\n\nAssistant: In Norway.\n\nHuman: And Bergen?\n\nAssistant:',
    ]);
  });

  test('tools, tool calls and reasoning are written by the template, or refused by name', async () => {
    const name = '04-tool-calls';
    const [toolInResponse, toolInPrompt, called, onlyCalls, reasoning] = await inspected(
      pairs(name),
      ...templateOf(name, 'tool.jinja'),
    );
    expect(toolInResponse).toMatchObject({
      refused: 'RESPONSE_NOT_ASSISTANT',
      message: expect.stringMatching(/"tool"/),
    });
    expect(toolInPrompt).toMatchObject({
      prompt: expect.stringMatching(/get_weather.*<tool>9C/),
      chosen: '9 degrees</s>',
    });
    for (const side of [called?.chosen, onlyCalls?.chosen]) expect(side).toMatch(/^\[CALL\].*"city": "Oslo"/);
    expect(reasoning?.chosen).toBe('<think>two and two</think>4</s>');
    expect(await inspected(pairs(name))).toEqual(
      [1, 2, 3, 4, 5].map((line) => expect.objectContaining({ line, refused: expect.any(String) })),
    );
  });

  test('a response of which the template drops a part is refused', async () => {
    const name = '06-template-drops-reasoning';
    const lines = await inspected(pairs(name), ...templateOf(name, 'r1.jinja'));
    expect(lines.map(({ refused }) => refused)).toEqual([
      ...['TEMPLATE_DROPS_RESPONSE', 'TEMPLATE_DROPS_RESPONSE', undefined],
    ]);
    expect(lines[2]).toMatchObject({ chosen: "N'Djamena</s>", rejected: 'Abeche</s>' });
  });

  test('turns that both share are the prompt, and no turn of a user is trained', async () => {
    for (const line of await inspected(pairs('08-multi-turn-beside-prompt'))) {
      expect(line).toMatchObject({ chosen: ' 5', rejected: ' 6' });
      expect(line.prompt).toMatch(/A bot\.\n\nHuman: Sum 2 and 3\?\n\nAssistant:$/);
    }
  });

  test('text that was templated before begins and ends once', async () => {
    for (const line of await inspected(pairs('09-text-that-was-templated-before'))) {
      expect(line).toMatchObject({ prompt: '<s>[U]Name a colour.[A]', chosen: 'Blue.</s>', rejected: 'Seven.</s>' });
    }
  });

  test('harmless fields refuse no record', async () => {
    const lines = await inspected(pairs('13-harmless-fields-refuse-records'));
    expect(lines.map(({ refused }) => refused)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

/** Records with some faults. */
async function someRecords(): Promise<string> {
  const file = join(folder, 'some.jsonl');
  const pair = (i: number, more: object = {}) => ({
    prompt: `After ${i}:`,
    chosen: ` ${i + 1}`,
    rejected: ' no',
    ...more,
  });
  const records = [
    ...Array.from({ length: 8 }, (_, i) => pair(i, { score: i })),
    ...[pair(3), { prompt: 'p', chosen: 'same', rejected: 'same' }, pair(9, { context: 'needed' })],
    { chosen: 'It is warm', rejected: 'It is cold' },
  ];
  await writeFile(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return file;
}

test('people are shown forms, fields, refusals, lengths, the split and a pair', async () => {
  const file = await someRecords();
  const { code, output } = await run('inspect', file, '--model', model, '--eval-fraction', '0.2', '--pairs', '1');
  expect(code).toBe(0);
  for (const line of [
    /^data: 10 pairs \(prompt-chosen-rejected 9, .*implicit prompt 1\)$/m,
    /^1 pair without a prompt field/m,
    /^ignored fields, .*: score \(8\)$/m,
    /^1 pair repeats an earlier one$/m,
    /^refused 1 record: IDENTICAL_RESPONSES, such as .*some\.jsonl:10/m,
    /^refused 1 record: UNSUPPORTED_FIELD, such as .*some\.jsonl:11: .*context/m,
    /^chat template: the model's own, tokenizer_config\.json/m,
    /^split: 8 pairs to train on, 2 held out; prompts in both: 0$/m,
    /^prompt +\d+ +\d+ +\d+ +\d+ +0 /m,
    /some\.jsonl:1\n {2}prompt\n {4}<s>After 0:\n {2}chosen\n {4} 1<\/s>\n {2}rejected\n {4} no<\/s>$/m,
  ]) {
    expect(output).toMatch(line);
  }
});

test('a file without a pair is an error', async () => {
  const file = join(folder, 'none.jsonl');
  await writeFile(file, '{"prompt":"p"}\n');
  const { code, output } = await run('inspect', file, '--model', model);
  expect(code).toBe(1);
  expect(output).toMatch(/refused 1 record: PROMPT_ONLY/);
});

test('pairs are converted to plain records, which are inspected as the same; refused ones are kept', async () => {
  const [file, out, refused] = [await someRecords(), join(folder, 'plain.jsonl'), join(folder, 'refused.jsonl')];
  const { code, output } = await run('convert', file, '--out', out, '--refused', refused);
  expect(code).toBe(0);
  expect(output).toMatch(/refused .*some\.jsonl:11: UNSUPPORTED_FIELD/);
  expect(output).toMatch(/wrote 10 pairs, refused 2 records/);
  expect((await readFile(refused, 'utf8')).trimEnd().split('\n')).toHaveLength(2);
  const texts = (lines: readonly Inspected[]) =>
    lines
      .filter(({ refused }) => refused === undefined)
      .map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected]);
  expect(texts(await inspected(out))).toEqual(texts(await inspected(file)));
});

test('--ignore-fields passes over fields of records and inside of messages, for all that read them', async () => {
  const [file, out] = [join(folder, 'moods.jsonl'), join(folder, 'moods-run')];
  const user = { role: 'user', content: 'Hi', mood: 'a happy one' };
  const answer = (content: string) => [{ role: 'assistant', content }];
  const records = [
    { prompt: 'a b', chosen: ' c d', rejected: ' e f', mood: 'a happy one' },
    { prompt: [user], chosen: answer('Hello there'), rejected: answer('Go away') },
  ];
  await writeFile(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const ignoring = ['--ignore-fields', 'mood'];
  expect((await inspected(file, ...ignoring)).map(({ refused }) => refused)).toEqual([undefined, undefined]);
  expect((await run('convert', file, '--out', '-', ...ignoring)).output).toMatch(/wrote 2 pairs, refused 0 records/);
  const training = ['--steps', '1', '--batch-size', '2', '--shards', '1', '--max-length', '128', '--out', out];
  const { code } = await run('train', '--model', model, '--data', file, ...training, ...ignoring);
  expect(code).toBe(0);
  expect(await readFile(join(out, 'rejected.jsonl'), 'utf8')).toBe('');
  const [step] = (await readFile(join(out, 'steps.jsonl'), 'utf8')).split('\n');
  expect(JSON.parse(step ?? '').pairIds).toHaveLength(2);
});
