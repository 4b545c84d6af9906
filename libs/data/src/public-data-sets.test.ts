import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { parsePreference, readRecords } from './index.ts';

/** Records with the fields of public preference data, in words of our own. */

const user = { role: 'user', content: 'p' };
const [chosen, rejected] = [
  { role: 'assistant', content: 'c' },
  { role: 'assistant', content: 'r' },
];
const whole = { chosen: [user, chosen], rejected: [user, rejected] };
const system = { role: 'system', content: 's' };

const SETS: Readonly<Record<string, { record: object; prompt: unknown }>> = {
  'UltraFeedback, binarized': {
    record: { prompt: 'p', prompt_id: 'a1', ...whole, messages: whole.chosen, score_chosen: 8.5, score_rejected: 6 },
    prompt: [user],
  },
  'UltraFeedback, generated again': {
    record: { prompt_id: 'a1', prompt: 'p', all_generated_responses: ['c', 'r'], all_rm_scores: [0.2, 0.1], ...whole },
    prompt: [user],
  },
  'UltraFeedback, cleaned': {
    record: {
      ...{ source: 'web', prompt: 'p', ...whole, 'chosen-rating': 5, 'chosen-model': 'm' },
      ...{ 'rejected-rating': 3, 'rejected-model': 'n' },
    },
    prompt: [user],
  },
  'Orca pairs': { record: { system: 's', question: 'p', chosen: 'c', rejected: 'r' }, prompt: [system, user] },
  'Orca pairs, judged by distilabel': {
    record: {
      ...{
        system: 's',
        input: 'p',
        chosen: 'c',
        rejected: 'r',
        generations: ['c', 'r'],
        order: ['chosen', 'rejected'],
      },
      ...{
        labelling_model: 'm',
        labelling_prompt: [{ role: 'user', content: 'Judge' }],
        raw_labelling_response: '9 3',
      },
      ...{ rating: [9, 3], rationale: 'Better.', status: 'swapped', original_chosen: 'r', original_rejected: 'c' },
      ...{ chosen_score: 9, in_gsm8k_train: false },
    },
    prompt: [system, user],
  },
  'Capybara pairs': {
    record: {
      ...{
        source: 'web',
        conversation: [{ input: 'p', output: 'o' }],
        original_response: 'o',
        generation_prompt: ['x'],
      },
      ...{ raw_generation_responses: ['c'], new_generations: ['c'], prompt: 'p', ...whole, rating_chosen: 5 },
      ...{ rating_rejected: 4, chosen_model: 'm', rejected_model: 'n' },
    },
    prompt: [user],
  },
  'preference mixtures': {
    record: {
      ...{ id: 'x', ...whole, prompt: 'p', source: 'a', chosen_rating: 4.5, rejected_rating: 1, chosen_model: 'm' },
      ...{ rejected_model: 'n', models: ['m', 'n'], dataset: 'd', is_on_policy: true },
    },
    prompt: [user],
  },
  'reward model pairs': {
    record: { ...whole, source: 'a', chosen_score: 1, rejected_score: 0, margin: 1 },
    prompt: [user],
  },
  'pairs of several sources': {
    record: { source: 'a', ...whole, prompt: 'p', question: 'p' },
    prompt: [user],
  },
  'pairs with a generic response': {
    record: { prompt: 'p', response: 'c', chosen: 'c', rejected: 'r' },
    prompt: 'p',
  },
  'candidates of many models': {
    record: {
      ...{
        source: 'a',
        category: 'b',
        prompt: 'p',
        candidates_completions: ['c', 'r'],
        candidate_policies: ['m', 'n'],
      },
      ...{ ranks: [0, 1], rank_str: 'm > n', ...whole, chosen_policy: 'm', rejected_policy: 'n' },
    },
    prompt: [user],
  },
  'translated pairs': {
    record: { lang: 'de', parent_id: 'a', prompt: 'p', chosen: 'c', rejected: 'r', subset: 'chat', uuid: 'u' },
    prompt: 'p',
  },
  'HelpSteer made into pairs': {
    record: {
      prompt: 'p',
      chosen: 'c',
      rejected: 'r',
      preference_strength: 2,
      preference_statement: null,
      split: 'train',
    },
    prompt: 'p',
  },
};

test.each(Object.entries(SETS))('%s: accepted with the prompt that is meant', (_name, { record, prompt }) => {
  const made = parsePreference(JSON.stringify(record));
  expect(made).toMatchObject({ ok: true, preference: { prompt } });
  expect(made.ok && made.preference.chosen).toEqual(made.ok && made.preference.kind === 'text' ? 'c' : [chosen]);
});

const call = (city: string) => [{ type: 'function', function: { name: 'get_weather', arguments: { city } } }];
const question = { role: 'user', content: 'weather in Oslo?' };

/** What each line of a shared case becomes: a reason, or a part of the preference. */
const CASES: Readonly<Record<string, readonly (string | object)[]>> = {
  '01-prompt-in-other-column': [
    {
      prompt: [
        { role: 'system', content: 'You are a terse geography tutor.' },
        { role: 'user', content: 'Which river runs through Cairo?' },
      ],
      chosen: [{ role: 'assistant', content: 'The Nile runs through Cairo.' }],
    },
    { text: { prompt: 'You are a terse geography tutor.\n\nName the capital of Peru.' } },
    { prompt: [{ role: 'user', content: 'How many legs has a spider?' }] },
    { prompt: [{ role: 'user', content: 'Translate to French: cat' }], text: { chosen: 'Sure! chat' } },
    { prompt: [{ role: 'user', content: '2+2?' }] },
    { prompt: [{ role: 'user', content: 'Where is Oslo?' }], chosen: [{ content: 'It is in Norway' }] },
    { prompt: [{ role: 'user', content: 'Where is Oslo?' }], chosen: [{ content: 'Norway' }] },
  ],
  '02-system-and-history-columns': [
    { id: 'with', prompt: [{ role: 'system', content: 'Answer only in rhyme.' }, { content: 'Where is Oslo?' }] },
    { id: 'without', prompt: [{ role: 'user', content: 'Where is Oslo?' }] },
    { id: 'text', prompt: [{ role: 'system', content: 'Answer only in rhyme.' }, { content: 'Where is Oslo?' }] },
    {
      id: 'history',
      prompt: [
        { role: 'system', content: 'Rhyme.' },
        { role: 'user', content: 'Where is Oslo?' },
        { role: 'assistant', content: 'In Norway.' },
        { role: 'user', content: 'And Bergen?' },
      ],
    },
  ],
  '04-tool-calls': [
    // The tool's answer within the response would be trained on.
    'RESPONSE_NOT_ASSISTANT',
    { prompt: [question, { content: 'Let me look.', tool_calls: call('Oslo') }, { role: 'tool', content: '9C' }] },
    { chosen: [{ content: 'Looking.', tool_calls: call('Oslo') }], rejected: [{ tool_calls: call('Rome') }] },
    { chosen: [{ content: null, tool_calls: call('Oslo') }] },
    { chosen: [{ content: '4', reasoning_content: 'two and two' }], rejected: [{ reasoning_content: 'a guess' }] },
  ],
  '08-multi-turn-beside-prompt': [1, 2, 3].map(() => ({
    prompt: [{ content: 'Hi, who are you?' }, { role: 'assistant' }, { role: 'user', content: 'Sum 2 and 3?' }],
    chosen: [{ role: 'assistant', content: '5' }],
    rejected: [{ role: 'assistant', content: '6' }],
  })),
  '13-harmless-fields-refuse-records': [
    { prompt: [{ role: 'user', content: 'Where is Oslo?' }], text: { chosen: ' In Norway' } },
    { id: '1212092628029698048', prompt: 'Where is Oslo?' },
    { kind: 'text', prompt: 'Where is Oslo?' },
    { prompt: [{ role: 'user', content: 'Where is Oslo?' }], chosen: [{ role: 'assistant', content: 'Norway' }] },
  ],
};

describeShared('records as people have them', () => {
  test.each(Object.entries(CASES))('%s', async (name, expected) => {
    const made: unknown[] = [];
    for await (const { bytes } of readRecords(sharedPath('cases', name, 'pairs.jsonl') as string)) {
      const parsed = parsePreference(bytes);
      made.push(parsed.ok ? parsed.preference : parsed.reason);
    }
    expect(made).toHaveLength(expected.length);
    for (const [i, preference] of made.entries()) {
      if (typeof expected[i] === 'string') expect(preference).toBe(expected[i]);
      else expect(preference).toMatchObject(expected[i] as object);
    }
  });
});
