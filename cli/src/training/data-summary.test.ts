import { describeData, describePair, describeTemplate, summarizeData } from './data-summary.ts';

const facts = (form: string, prompt: 'explicit' | 'implicit', ...ignored: string[]) => ({
  form,
  prompt,
  read: [],
  ignored,
});
const whole = { prompt: 0, chosen: 0, rejected: 0 };
const pair = (id: number, of: ReturnType<typeof facts>, truncated = whole, from: 'text' | 'messages' = 'messages') => ({
  ...{ prompt: [id], chosen: [1], rejected: [2], truncated, from },
  facts: of,
});

const data = {
  pairs: [
    pair(1, facts('alpaca', 'explicit', 'source'), whole, 'text'),
    pair(2, facts('conversations', 'implicit', 'score', 'source'), { ...whole, chosen: 3 }),
    pair(2, facts('conversations', 'implicit', 'source')),
  ],
  rejected: [
    { origin: 'a.jsonl:4', reason: 'NOT_JSON', message: 'is no JSON' },
    { origin: 'a.jsonl:5', reason: 'MISSING_FIELD', message: 'has no chosen' },
    { origin: 'a.jsonl:6', reason: 'MISSING_FIELD', message: 'has no rejected' },
  ],
};

test('forms, implicit prompts, ignored fields, duplicates and refusals are counted', () => {
  expect(summarizeData(data)).toEqual({
    pairs: 3,
    forms: [
      { form: 'conversations', prompt: 'implicit', pairs: 2 },
      { form: 'alpaca', prompt: 'explicit', pairs: 1 },
    ],
    implicitPrompts: 2,
    plainText: 1,
    ignoredFields: [
      { field: 'source', records: 3 },
      { field: 'score', records: 1 },
    ],
    truncated: 1,
    duplicates: 1,
    refused: [
      { reason: 'MISSING_FIELD', records: 2, example: data.rejected[1] },
      { reason: 'NOT_JSON', records: 1, example: data.rejected[0] },
    ],
  });
});

test('the lines say each of them once', () => {
  expect(describeData(summarizeData(data))).toEqual([
    'data: 3 pairs (conversations with implicit prompt 2, alpaca 1)',
    '2 pairs without a prompt field: the prompt is the common beginning of both responses',
    'ignored fields, with the number of records that have them: source (3), score (1)',
    '1 pair repeats an earlier one',
    'refused 2 records: MISSING_FIELD, such as a.jsonl:5: has no chosen',
    'refused 1 record: NOT_JSON, such as a.jsonl:4: is no JSON',
  ]);
  expect(describeData(summarizeData({ pairs: [], rejected: [] }))).toEqual(['data: 0 pairs']);
});

test('a pair is shown with both ends of long texts and visible line breaks, within the width', () => {
  const long = `<s>${'word '.repeat(50)}end</s>`;
  const lines = describePair({ id: 'p', prompt: 'Is 4\neven? ', chosen: long, rejected: ' no' }, 60);
  expect(lines.slice(0, 2)).toEqual(['for example p, as the model sees it:', '  prompt   "Is 4\\neven? "']);
  expect(lines[2]).toMatch(/^ {2}chosen {3}"<s>word .* … .*end<\/s>"$/);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(60);
});

test('where the model has no chat template, the transcript that stands for it is said', () => {
  const [line, ...more] = describeTemplate(
    { source: 'fallback', place: 'built-in plain', digest: '' },
    { plainText: 3 },
  );
  expect(line).toContain('Human:');
  expect(more).toEqual([]);
});

test('pairs of plain text that do not use a chat template are counted, with the way to use it', () => {
  const template = { source: 'model', place: 'chat_template.jinja', digest: '' } as const;
  const place = "chat template: the model's own, chat_template.jinja";
  expect(describeTemplate(template, { plainText: 0 })).toEqual([place]);
  expect(describeTemplate(template, { plainText: 1 })).toEqual([
    place,
    '1 pair is plain text and does not use the chat template; to use it, provide messages or --columns question=prompt',
  ]);
  expect(describeTemplate(template, { plainText: 7 })[1]).toMatch(/^7 pairs are plain text and do not use/);
});
