import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describeShared, sharedPath } from '../../../test/shared-data.ts';
import { parsePreference, readRecords } from './index.ts';
import { schemaFile, schemaText } from './schema-file.ts';

const published = readFileSync(schemaFile, 'utf8');
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(JSON.parse(published));

test('the published schema is current; if not, run npm run generate', () => {
  expect(JSON.parse(published)).toEqual(JSON.parse(schemaText()));
});

const pair = { prompt: 'p', chosen: 'c', rejected: 'r' };
const [user, assistant] = [
  { role: 'user', content: 'p' },
  { role: 'assistant', content: 'c' },
];

test.each<[object]>([
  [pair],
  [{ ...pair, id: 7, score: 1 }],
  [{ ...pair, id: null }],
  [{ prompt: [user], chosen: [assistant], rejected: 'r' }],
  [{ prompt: user, chosen: assistant, rejected: 'r' }],
  [{ ...pair, prompt: [{ role: 'user', content: [{ type: 'text', text: 'p' }] }] }],
  [{ chosen: [user, assistant], rejected: [user, user] }],
  [{ chosen_messages: [user, assistant], rejected_messages: [user, user] }],
  [{ conversations: [{ from: 'human', value: 'p' }], chosen: { from: 'gpt', value: 'c' }, rejected: 'r' }],
  [{ instruction: 'p', input: '', chosen: 'c', rejected: 'r' }],
  [{ text: ['a b', 'a c'], score: [0, 1] }],
  [{ prompt_ids: [1], chosen_ids: [2], rejected_ids: [3] }],
])('schema and parser accept %j', (record) => {
  expect(parsePreference(JSON.stringify(record)).ok).toBe(true);
  expect([validate(record), validate.errors]).toEqual([true, null]);
});

test.each<[unknown]>([
  [{}],
  [[]],
  [{ prompt: 'p', chosen: 'c' }],
  [{ ...pair, chosen: '' }],
  [{ ...pair, chosen: 3 }],
  [{ ...pair, id: {} }],
  [{ chosen: [{ content: 'c' }], rejected: [user] }],
  [{ text: ['a b', 'a c'], score: [0] }],
  [{ prompt_ids: [1], chosen_ids: [2.5], rejected_ids: [3] }],
  [{ prompt_ids: [1], chosen_ids: [], rejected_ids: [3] }],
])('schema and parser refuse %j', (record) => {
  expect(parsePreference(JSON.stringify(record)).ok).toBe(false);
  expect(validate(record)).toBe(false);
});

describeShared('published preference data', () => {
  test.each([
    'gsm8k-model-solutions/pairs.jsonl.gz',
    'hh-rlhf-helpful-base-test/implicit.jsonl.gz',
    'hh-rlhf-helpful-base-test/pairs.jsonl.gz',
    'hh-rlhf-helpful-base-test/raw/helpful.test.json.gz',
    'llamafactory-demos/dpo_en_demo.json',
    'llamafactory-demos/dpo_zh_demo.json',
    'llamafactory-demos/v1_dpo_demo.jsonl',
    'oasst1-en/pairs-100trees.jsonl.gz',
    'oasst1-en/pairs-validation.jsonl.gz',
    'pandalm-testset/pairs.jsonl',
    'rasbt-instruction-preference/pairs.jsonl',
    'rasbt-instruction-preference/raw/instruction-data-with-preference.json',
    'trl-zen-shapes/zen.json',
    'ultrafeedback-binarized-sample/eval_clean.jsonl.gz',
    'ultrafeedback-binarized-sample/train_clean.jsonl.gz',
    'ultrafeedback-binarized-sample/label_flip_30.jsonl.gz',
  ])('the schema accepts every record of %s that the parser accepts', async (name) => {
    let accepted = 0;
    for await (const { bytes, file, line } of readRecords(sharedPath('data/prefs', name) as string)) {
      if (!parsePreference(bytes).ok) continue;
      accepted++;
      const valid = validate(JSON.parse(Buffer.from(bytes).toString()));
      if (!valid) throw new Error(`${file}:${line}: ${JSON.stringify(validate.errors)}`);
    }
    expect(accepted).toBeGreaterThan(0);
  });
});
