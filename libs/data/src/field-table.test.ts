import fc from 'fast-check';
import { PROMPTS, READ, SIDES, SYSTEMS } from './field-table.ts';
import { parsePreference } from './index.ts';

const user = { role: 'user', content: 'p' };
const assistant = { role: 'assistant', content: 'c' };
const other = { role: 'assistant', content: 'r' };

/** A record of each form, by the name of the form. */
const FORMS = {
  text: { prompt: 'p', chosen: 'c', rejected: 'r' },
  alpaca: { instruction: 'p', chosen: 'c', rejected: 'r' },
  question: { question: 'p', chosen: 'c', rejected: 'r' },
  messages: { prompt: [user], chosen: [assistant], rejected: [other] },
  sharegpt: { conversations: [{ from: 'human', value: 'p' }], chosen: assistant, rejected: other },
  whole: { chosen: [user, assistant], rejected: [user, other] },
  lists: { chosen_messages: [user, assistant], rejected_messages: [user, other] },
  openai: { input: { messages: [user] }, preferred_output: [assistant], non_preferred_output: [other] },
  transcripts: { chosen: 'p c', rejected: 'p r' },
  scored: { text: ['p c', 'p r'], score: [1, 0] },
  ids: { prompt_ids: [1], chosen_ids: [2], rejected_ids: [3] },
};
const forms = Object.entries(FORMS);

const parse = (record: object) => parsePreference(JSON.stringify(record));

describe.each(forms)('a record of form %s', (_name, record: object) => {
  const plain = parse(record);

  test('is accepted, and all of its fields are read', () => {
    expect(plain).toMatchObject({
      ok: true,
      facts: { read: expect.arrayContaining(Object.keys(record)), ignored: [] },
    });
  });

  test('is the same pair with fields that describe it', () => {
    const about = {
      source: 'web',
      score_chosen: 4.5,
      'rejected-model': 'm',
      tags: ['a'],
      metadata: { a: 'b' },
      _x: 'y',
    };
    expect(plain.ok && parse({ ...record, ...about })).toMatchObject({
      preference: plain.ok && plain.preference,
      facts: { ignored: Object.keys(about) },
    });
  });

  test('is the same pair with an empty field or numbers of any name', () => {
    const values = fc.oneof(
      fc.constantFrom<unknown>(null, '', [], {}),
      fc.array(fc.oneof(fc.double(), fc.boolean()), { maxLength: 3 }),
      fc.double(),
    );
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), values, (name, value) => {
        fc.pre(!name.startsWith('__proto'));
        const made = parse({ ...record, [`x${name}`]: value });
        if (made.ok) expect(made.preference).toEqual(plain.ok && plain.preference);
        else expect(made.reason).toBe('UNSUPPORTED_FIELD');
      }),
    );
  });

  test('never loses what a further field says: it changes the pair, is the pair, or the record is refused', () => {
    const said = 'something else that is said';
    const values = [said, [{ role: 'user', content: said }], [[said, said]], { text: said }, [said]];
    const unknown = ['ask', 'user_prompt', 'Prompt', 'promt', 'persona', 'context', 'images', 'functions', 'prefix'];
    for (const name of [...READ, ...unknown].filter((field) => !Object.hasOwn(record, field))) {
      for (const value of values) {
        // An id or a weight says nothing about the conversation.
        if (['id', 'prompt_id', 'weight', 'score'].includes(name)) continue;
        const made = parse({ ...record, [name]: value });
        if (!made.ok) continue;
        expect([name, JSON.stringify(made.preference).includes(said)]).toEqual([name, true]);
      }
    }
  });

  test.each(['12', '-0.5', '1e-6', 'True', 'false', 'NaN', ['1', '2']])(
    'ignores a number as tables write it, in a field that nobody knows: %j',
    (value) => {
      expect(parse({ ...record, turns: value })).toMatchObject({ ok: true });
    },
  );

  test.each([
    ['UNKNOWN_FIELD', 'ask', 'Which river?'],
    ['UNKNOWN_FIELD', 'user_prompt', 'Which river?'],
    ['UNKNOWN_FIELD', 'persona', { name: 'a pirate' }],
    ['UNKNOWN_FIELD', 'turns_before', ['a']],
    ['UNKNOWN_FIELD', 'turns', ['Which river?']],
    ['UNKNOWN_FIELD', 'Weight', 0.5],
    ['UNKNOWN_FIELD', 'wieght', 0.5],
    ['UNKNOWN_FIELD', 'wieght', '0.5'],
    ['UNKNOWN_FIELD', 'source_text', 'Hallo'],
    ['UNSUPPORTED_FIELD', 'context', 'The Nile …'],
    ['UNSUPPORTED_FIELD', 'documents', [{ title: 'a' }]],
    ['UNSUPPORTED_FIELD', 'images', ['cat.png']],
    ['UNSUPPORTED_FIELD', 'functions', [{ name: 'f' }]],
    ['UNSUPPORTED_FIELD', 'prefix', 'Sure'],
    ['UNSUPPORTED_FIELD', 'sample_weight', 2],
    ['UNSUPPORTED_FIELD', 'enable_thinking', false],
    ['UNSUPPORTED_FIELD', 'chatTemplateKwargs', { a: 1 }],
    ['UNSUPPORTED_FIELD', 'prompt_input_ids', [1, 2]],
  ])('%s: %s, unless it is passed over', (reason, name, value) => {
    const bytes = JSON.stringify({ ...record, [name]: value });
    expect(parsePreference(bytes)).toMatchObject({
      ok: false,
      reason,
      field: name,
      message: expect.stringMatching(new RegExp(`^${name} .*--ignore-fields ${name}`)),
    });
    expect(parsePreference(bytes, { ignoreFields: [name] })).toMatchObject({
      preference: plain.ok && plain.preference,
      facts: { ignored: [name] },
    });
  });
});

test.each([
  ['', '17'],
  ['Unnamed: 0', '17'],
  ['height', 1.7],
])('a column %j with %j says nothing', (name, value) => {
  expect(parse({ ...FORMS.text, [name]: value })).toMatchObject({ ok: true, facts: { ignored: [name] } });
});

test.each([
  ['', 'Which river?'],
  ['Unnamed: 0', 'Which river?'],
])('a column %j with text is refused', (name, value) => {
  expect(parse({ ...FORMS.transcripts, [name]: value })).toMatchObject({ ok: false, reason: 'UNKNOWN_FIELD' });
});

test.each([
  ['promt', /\(--columns prompt=promt\)/],
  ['systme', /\(--columns system=systme\)/],
  ['persona', /\(--columns prompt=persona\)/],
])('a column %s that is not known is renamed by what it is near to', (name, command) => {
  expect(parse({ ...FORMS.transcripts, [name]: 'text' })).toMatchObject({ message: expect.stringMatching(command) });
});

test.each([
  ['promt', 'prompt'],
  ['Question', 'question'],
  ['system-prompt', 'system_prompt'],
  ['histroy', 'history'],
])('%s: did you mean %s?', (name, meant) => {
  const made = parse({ ...FORMS.whole, [name]: 'something' });
  expect(made).toMatchObject({ reason: 'UNKNOWN_FIELD', message: expect.stringContaining(`(did you mean ${meant}?)`) });
});

describe('fields of messages', () => {
  const withField = (name: string, value: unknown) =>
    parse({ prompt: [user], chosen: [{ ...assistant, [name]: value }], rejected: 'r' });

  test.each([
    ['id', 'm1'],
    ['created_at', '2026-11-30'],
    ['model', 'm'],
    ['language', 'en'],
    ['turn_identifier', 3],
    ['toxic', false],
    ['function_calls', null],
    ['images', []],
    ['weight', 1],
    ['loss_weight', 1.0],
    ['train', true],
  ])('%s says nothing', (name, value) => {
    expect(withField(name, value)).toMatchObject({ preference: { chosen: [assistant] } });
  });

  test.each([
    ['UNKNOWN_FIELD', 'text', 'more'],
    ['UNKNOWN_FIELD', 'answer', 'more'],
    ['UNSUPPORTED_FIELD', 'value', 'more'],
    ['UNSUPPORTED_FIELD', 'images', ['a.png']],
    ['UNSUPPORTED_FIELD', 'function_call', { name: 'f' }],
    ['UNSUPPORTED_FIELD', 'refusal', 'No.'],
    ['UNSUPPORTED_FIELD', 'weight', 0],
    ['UNSUPPORTED_FIELD', 'weight', 0.5],
    ['UNSUPPORTED_FIELD', 'train', false],
    ['UNSUPPORTED_FIELD', 'mask', true],
    ['UNSUPPORTED_FIELD', 'prefix', true],
    ['WRONG_TYPE', 'tool_calls', 3],
    ['WRONG_TYPE', 'name', 3],
    ['WRONG_TYPE', 'reasoning', {}],
  ])('%s: %s', (reason, name, value) => {
    expect(withField(name, value)).toMatchObject({ ok: false, reason, field: `chosen[0].${name}` });
  });

  test('a mark that asks for a message of the prompt to be trained on is refused', () => {
    const prompt = [user, { ...assistant, weight: 1 }, user];
    expect(parse({ prompt, chosen: 'c', rejected: 'r' })).toMatchObject({
      reason: 'UNSUPPORTED_FIELD',
      field: 'prompt[1].weight',
    });
    const unmarked = [user, { ...assistant, weight: 0 }, user];
    expect(parse({ prompt: unmarked, chosen: 'c', rejected: 'r' }).ok).toBe(true);
  });

  test('of parts of messages too', () => {
    const part = (others: object) =>
      parse({
        prompt: [{ role: 'user', content: [{ type: 'text', text: 'p', ...others }] }],
        chosen: 'c',
        rejected: 'r',
      });
    expect(part({ image: null, cache_control: { type: 'x' } })).toMatchObject({
      preference: { prompt: [user] },
      facts: { ignored: ['prompt[].content[].image', 'prompt[].content[].cache_control'] },
    });
    expect(part({ image: 'a.png' })).toMatchObject({
      reason: 'UNSUPPORTED_FIELD',
      field: 'prompt[0].content[0].image',
    });
  });
});

test('the table names every field once', () => {
  expect(new Set(READ).size).toBe(READ.length);
  expect(READ).toEqual(expect.arrayContaining([...SIDES.flat(), ...PROMPTS, ...SYSTEMS]));
});
