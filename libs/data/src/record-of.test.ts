import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { type ParsedPreference, parsePreference, readRecords, recordOf } from './index.ts';

const FORMS: readonly (readonly [string, object])[] = [
  ['text', { id: 'a', prompt: 'p', chosen: ' c', rejected: ' r', weight: 2 }],
  ['text with an implicit prompt', { chosen: 'the cat sat', rejected: 'the cat ran' }],
  ['token ids', { prompt_ids: [1, 2], chosen_ids: [3], rejected_ids: [4, 5] }],
  ['a question', { question: 'Where?', chosen: 'Here', rejected: 'There' }],
  ['a question with a system prompt', { system: 'Rhyme.', question: 'Where?', chosen: 'Here', rejected: 'There' }],
  ['an instruction with input', { instruction: 'Translate', input: 'cat', chosen: 'chat', rejected: 'chien' }],
  ['a history', { instruction: 'And?', history: [['Hi', 'Ho']], chosen: 'c', rejected: 'r' }],
  [
    'messages with tools',
    {
      id: 12_345_678_901,
      prompt: [{ role: 'User', content: 'Weather?' }],
      tools: [{ type: 'function', function: { name: 'weather', parameters: {} } }],
      chosen: [{ role: 'assistant', content: null, tool_calls: [{ function: { name: 'weather', arguments: {} } }] }],
      rejected: [{ role: 'assistant', content: 'Warm', reasoning_content: 'I guess' }],
    },
  ],
  [
    'conversations with a common beginning',
    {
      chosen: [
        { from: 'human', value: 'Hi' },
        { from: 'gpt', value: 'Ho' },
      ],
      rejected: [
        { from: 'human', value: 'Hi' },
        { from: 'gpt', value: 'Hm' },
      ],
    },
  ],
];

/** What is read of a record, apart from how it was read. */
function meaning(parsed: ParsedPreference): unknown {
  if (!parsed.ok) throw new Error(`${parsed.reason}: ${parsed.message}`);
  return parsed.preference;
}

test.each(FORMS)('%s keeps its meaning when it is written again', (_form, record) => {
  const parsed = parsePreference(JSON.stringify(record));
  const written = parsed.ok ? recordOf(parsed.preference) : undefined;
  expect(meaning(parsePreference(JSON.stringify(written)))).toEqual(meaning(parsed));
});

describeShared('data/prefs', () => {
  test.each([
    'llamafactory-demos/dpo_en_demo.json',
    'rasbt-instruction-preference/raw/instruction-data-with-preference.json',
    'hh-rlhf-helpful-base-test/implicit.jsonl.gz',
    'ultrafeedback-binarized-sample/eval_clean.jsonl.gz',
  ])('the pairs of %s keep their meaning when they are written again', async (file) => {
    let compared = 0;
    for await (const { bytes } of readRecords(sharedPath('data/prefs', file) as string)) {
      const parsed = parsePreference(bytes);
      if (!parsed.ok) continue;
      expect(meaning(parsePreference(JSON.stringify(recordOf(parsed.preference))))).toEqual(meaning(parsed));
      if (++compared === 200) break;
    }
    expect(compared).toBeGreaterThan(50);
  });
});
