import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { parsePreference, type RecordReason, readRecords } from './index.ts';
import { schemaFile, schemaText } from './schema-file.ts';

const published = readFileSync(schemaFile, 'utf8');
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(JSON.parse(published));

test('the published schema is current; if not, run npm run generate', () => {
  expect(JSON.parse(published)).toEqual(JSON.parse(schemaText()));
});

const pair = { prompt: 'p', chosen: 'c', rejected: 'r' };
const [user, assistant, other] = [
  { role: 'user', content: 'p' },
  { role: 'assistant', content: 'c' },
  { role: 'assistant', content: 'r' },
];

test.each<[object]>([
  [pair],
  [{ ...pair, id: 7, score: 1 }],
  [{ ...pair, id: null }],
  [{ prompt: [user], chosen: [assistant], rejected: 'r' }],
  [{ prompt: user, chosen: assistant, rejected: 'r' }],
  [{ ...pair, prompt: [{ role: 'user', content: [{ type: 'text', text: 'p' }] }] }],
  [{ chosen: [user, assistant], rejected: [user, other] }],
  [{ chosen_messages: [user, assistant], rejected_messages: [user, other] }],
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
  [{ ...pair, prompt_id: {} }],
  [{ ...pair, prompt: 3 }],
  [{ ...pair, prompt: null }],
  [{ instruction: 3, chosen: 'p c', rejected: 'p r' }],
  [{ conversations: user, chosen: 'c', rejected: 'r' }],
  [{ conversations: [user], chosen: true, rejected: 'r' }],
  [{ prompt: [{ role: 'oracle', content: 'p' }], chosen: 'c', rejected: 'r' }],
  [{ prompt: [{ role: 'user', value: 'p' }], chosen: 'c', rejected: 'r' }],
  [{ prompt: [{ role: 'user', content: [{ type: 'text' }] }], chosen: 'c', rejected: 'r' }],
  [{ text: ['a b', 'a c'], score: [0, 1, 2] }],
  [{ chosen: 'p c', rejected: [user, assistant] }],
  [{ chosen: [{ content: 'c' }], rejected: [user] }],
  [{ text: ['a b', 'a c'], score: [0] }],
  [{ prompt_ids: [1], chosen_ids: [2.5], rejected_ids: [3] }],
  [{ prompt_ids: [1], chosen_ids: [], rejected_ids: [3] }],
])('schema and parser refuse %j', (record) => {
  expect(parsePreference(JSON.stringify(record)).ok).toBe(false);
  expect(validate(record)).toBe(false);
});

/** Reasons about what a record means, which a schema of its form cannot know. */
const MEANING: readonly string[] = ['EMPTY_RESPONSE', 'IDENTICAL_RESPONSES', 'NO_PREFERENCE'] satisfies RecordReason[];

describeShared('published preference data', () => {
  test.each([
    'gsm8k-model-solutions/pairs.jsonl.gz',
    'gsm8k-model-solutions/raw/example_model_solutions.jsonl.gz',
    'hh-rlhf-helpful-base-test/implicit.jsonl.gz',
    'hh-rlhf-helpful-base-test/pairs.jsonl.gz',
    'hh-rlhf-helpful-base-test/raw/helpful.test.json.gz',
    'llamafactory-demos/dpo_en_demo.json',
    'llamafactory-demos/dpo_zh_demo.json',
    'llamafactory-demos/kto_en_demo.json',
    'llamafactory-demos/v1_dpo_demo.jsonl',
    'oasst1-en/pairs-100trees.jsonl.gz',
    'oasst1-en/pairs-validation.jsonl.gz',
    'pandalm-testset/pairs.jsonl',
    'pandalm-testset/raw/testset-v1.json',
    'rasbt-instruction-preference/pairs.jsonl',
    'rasbt-instruction-preference/raw/instruction-data-with-preference.json',
    'trl-zen-shapes/zen.json',
    'ultrafeedback-binarized-sample/eval_clean.jsonl.gz',
    'ultrafeedback-binarized-sample/train_clean.jsonl.gz',
    'ultrafeedback-binarized-sample/label_flip_30.jsonl.gz',
  ])('the schema accepts the records of %s that the parser accepts by their form, and no others', async (name) => {
    for await (const { bytes, file, line } of readRecords(sharedPath('data/prefs', name) as string)) {
      const parsed = parsePreference(bytes);
      if (!parsed.ok && MEANING.includes(parsed.reason)) continue;
      const valid = validate(JSON.parse(Buffer.from(bytes).toString()));
      if (valid !== parsed.ok) throw new Error(`${file}:${line}: ${JSON.stringify([parsed, validate.errors])}`);
    }
  });
});
