import fc from 'fast-check';
import { PROMPTS, SYSTEMS } from './field-table.ts';
import { type Message, parsePreference } from './index.ts';

const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const system = (content: string): Message => ({ role: 'system', content });

const result = (record: object) => parsePreference(JSON.stringify(record));
const parsed = (record: object) => {
  const made = result(record);
  if (!made.ok) throw new Error(`${made.reason}: ${made.message}`);
  return made.preference;
};

const sides = { chosen: 'c', rejected: 'r' };
const responses = { chosen: [assistant('c')], rejected: [assistant('r')] };
const pair = { kind: 'messages', prompt: [user('p')], ...responses };
const whole = { chosen: [user('p'), assistant('c')], rejected: [user('p'), assistant('r')] };

describe('the prompt in any of its fields', () => {
  const spellings = {
    text: { prompt: 'p', of: PROMPTS.filter((name) => !name.startsWith('conversation') && name !== 'messages') },
    messages: { prompt: [user('p')], of: PROMPTS },
    turns: { prompt: [{ from: 'human', value: 'p' }], of: PROMPTS },
    'JSON text': { prompt: JSON.stringify([user('p')]), of: PROMPTS },
  };
  const table = Object.entries(spellings).flatMap(([spelling, { prompt, of }]) =>
    of.map((name) => [name, spelling, prompt] as const),
  );

  test.each(table)('%s as %s, before responses as messages', (name, _spelling, prompt) => {
    expect(parsed({ [name]: prompt, ...responses })).toEqual(pair);
    expect(parsed({ [name]: prompt, chosen: assistant('c'), rejected: assistant('r') })).toEqual(pair);
    expect(parsed({ [name]: prompt, ...whole })).toEqual(pair);
  });

  test.each(table)('%s as %s, before responses as text', (name, spelling, prompt) => {
    const text = { prompt: 'p', chosen: 'c', rejected: 'r' };
    const expected = spelling === 'text' ? { ...pair, text } : pair;
    // Text throughout in the fields of the plainest form is a text to be gone on with, not a conversation.
    expect(parsed({ [name]: prompt, ...sides })).toEqual(
      name === 'prompt' && spelling === 'text' ? { kind: 'text', ...text } : expected,
    );
  });

  test.each(PROMPTS)('an empty %s makes no text its own prompt', (name) => {
    for (const value of [null, '', []]) {
      const refused = { ok: false, reason: 'EMPTY_PROMPT' };
      expect(result({ [name]: value, chosen: 'The Nile.', rejected: 'The Danube.' })).toMatchObject(refused);
      // Whole conversations say who speaks.
      expect(parsed({ [name]: value, ...whole })).toEqual(pair);
    }
  });

  test("Alpaca's input is the second part of the instruction", () => {
    for (const input of ['', null, undefined]) {
      expect(parsed({ instruction: 'p', input, ...sides })).toEqual({ ...pair, text: { prompt: 'p', ...sides } });
    }
    expect(parsed({ instruction: 'Add', input: '1 2', ...sides })).toEqual({
      ...pair,
      prompt: [user('Add\n\n1 2')],
      text: { prompt: 'Add\n\n1 2', ...sides },
    });
    expect(parsed({ instruction: '', input: 'p', ...sides })).toMatchObject({ prompt: [user('p')] });
  });

  test('a list of messages that goes on with a response ends before it', () => {
    for (const name of ['messages', 'conversations', 'prompt']) {
      expect(parsed({ [name]: [user('p'), assistant('c')], ...sides })).toEqual(pair);
      expect(parsed({ [name]: [user('p'), assistant('r')], ...responses })).toEqual(pair);
    }
  });
});

describe('several fields that hold a prompt', () => {
  test('agree where they say the same', () => {
    expect(parsed({ prompt: 'p', question: ' p\n', ...sides })).toEqual({ kind: 'text', prompt: 'p', ...sides });
    expect(parsed({ prompt: 'p', messages: [system('s'), user('p')], ...sides })).toEqual({
      ...pair,
      prompt: [system('s'), user('p')],
    });
    expect(parsed({ prompt: [user('p')], conversations: [{ from: 'human', value: 'p' }], ...sides })).toEqual(pair);
  });

  test('messages that repeat the pair, or have another response, say nothing new', () => {
    for (const last of [assistant('c'), assistant('r'), assistant('another')]) {
      expect(parsed({ prompt: 'p', messages: [user('p'), last], ...whole })).toEqual(pair);
      expect(parsed({ messages: [user('p'), last], ...whole })).toEqual(pair);
    }
  });

  const names = fc.uniqueArray(fc.constantFrom(...PROMPTS), { minLength: 2, maxLength: 2 });
  const spelt = (name: string, text: string) => (/^(messages|conversations?)$/.test(name) ? [user(text)] : text);
  const readTogether = (fields: readonly string[]) => fields.includes('instruction') && fields.includes('input');

  test('are refused by name where they differ, whatever the form of the responses', () => {
    fc.assert(
      fc.property(names, fc.constantFrom<object>(sides, responses, whole), ([a, b], form) => {
        fc.pre(!readTogether([a as string, b as string]));
        const record = { [a as string]: spelt(a as string, 'p'), [b as string]: spelt(b as string, 'q'), ...form };
        const made = result(record);
        expect(made).toMatchObject({ ok: false, reason: 'AMBIGUOUS_PROMPT' });
        expect(made.ok ? '' : made.message).toMatch(new RegExp(`\\b(${a}|${b})\\b`));
      }),
    );
  });

  test('one of them can be passed over', () => {
    const record = JSON.stringify({ prompt: 'p', user: 'alice', ...sides });
    expect(parsePreference(record)).toMatchObject({ reason: 'AMBIGUOUS_PROMPT', field: 'user' });
    const made = parsePreference(record, { ignoreFields: ['user'] });
    expect(made).toMatchObject({ ok: true, preference: { kind: 'text', prompt: 'p' }, facts: { ignored: ['user'] } });
  });
});

describe('what stands before the prompt', () => {
  test.each(SYSTEMS)('%s is the system message', (name) => {
    const before = { ...pair, prompt: [system('s'), user('p')] };
    const text = { prompt: 's\n\np', ...sides };
    expect(parsed({ [name]: 's', prompt: 'p', ...sides })).toEqual({ ...before, text });
    expect(parsed({ [name]: 's', conversations: [user('p')], ...sides })).toEqual(before);
    expect(parsed({ [name]: 's', ...whole })).toEqual(before);
    expect(parsed({ [name]: 's', prompt: [system('s'), user('p')], ...sides })).toEqual(before);
    expect(parsed({ [name]: null, prompt: 'p', ...sides })).toEqual({ kind: 'text', prompt: 'p', ...sides });
    expect(result({ [name]: 's', prompt: [system('t'), user('p')], ...sides })).toMatchObject({
      reason: 'AMBIGUOUS_PROMPT',
      field: name,
    });
    expect(result({ [name]: 's', chosen: 'p c', rejected: 'p r' })).toMatchObject({ reason: 'EMPTY_PROMPT' });
    expect(result({ [name]: 3, prompt: 'p', ...sides })).toMatchObject({ reason: 'WRONG_TYPE', field: name });
  });

  const past = [user('h'), assistant('a')];
  test.each<[string, unknown]>([
    ['pairs', [['h', 'a']]],
    ['messages', past],
    [
      'turns',
      [
        { from: 'human', value: 'h' },
        { from: 'gpt', value: 'a' },
      ],
    ],
    ['exchanges', [{ input: 'h', output: 'a' }]],
    ['JSON text', '[["h","a"]]'],
  ])('history as %s is what was said before', (_spelling, history) => {
    const expected = { ...pair, prompt: [system('s'), ...past, user('p')] };
    expect(parsed({ system: 's', history, prompt: 'p', ...sides })).toEqual(expected);
    expect(parsed({ system: 's', history, instruction: 'p', input: '', ...sides })).toEqual(expected);
    expect(parsed({ history, prompt: [system('s'), user('p')], ...sides })).toEqual(expected);
    expect(parsed({ history, prompt: [system('s'), ...past, user('p')], ...sides })).toEqual(expected);
  });

  test.each([['h'], [['h']], [[['h', 'a', 'x']]], [[['h', 3]]], [{ h: 'a' }]])('history %j is refused', (history) => {
    expect(result({ history, prompt: 'p', ...sides })).toMatchObject({
      reason: 'WRONG_TYPE',
      field: expect.stringMatching(/^history/),
    });
  });
});

describe('tools', () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
  const calls = [{ type: 'function', function: { name: 'f', arguments: { city: 'Oslo' } } }];

  test('go beside the messages, from a list or from JSON text', () => {
    for (const spelt of [tools, JSON.stringify(tools)]) {
      expect(parsed({ tools: spelt, prompt: 'p', ...sides })).toEqual({ ...pair, tools });
      expect(parsed({ tools: spelt, ...whole })).toEqual({ ...pair, tools });
    }
    for (const none of [null, '', []]) expect(parsed({ tools: none, ...whole })).toEqual(pair);
    for (const wrong of ['f', [3], { f: 1 }]) {
      expect(result({ tools: wrong, ...whole })).toMatchObject({
        reason: 'WRONG_TYPE',
        field: expect.stringMatching(/^tools/),
      });
    }
  });

  test('calls, their results and names stay in their messages', () => {
    const called: Message = { role: 'assistant', content: null, tool_calls: calls };
    const told: Message = { role: 'tool', content: '9C', name: 'f', tool_call_id: '1' };
    const prompt = [user('p'), called, told];
    expect(parsed({ prompt, ...responses })).toEqual({ ...pair, prompt });
    const { content: _none, ...without } = called;
    for (const spelt of [called, without, { ...called, tool_calls: JSON.stringify(calls) }]) {
      expect(parsed({ prompt: 'p', chosen: [spelt], rejected: 'r' })).toEqual({ ...pair, chosen: [called] });
    }
    const elsewhere: Message = { ...called, tool_calls: [{ function: { name: 'f', arguments: { city: 'Rome' } } }] };
    expect(parsed({ prompt: 'p', chosen: [called], rejected: [elsewhere] })).toMatchObject({ rejected: [elsewhere] });
  });

  test("a tool's answer is not the model's: a response that has one is refused", () => {
    const chosen = [
      { role: 'assistant', content: '', tool_calls: calls },
      { role: 'tool', content: '9C' },
      assistant('9'),
    ];
    expect(result({ prompt: 'p', chosen, rejected: 'r' })).toMatchObject({
      reason: 'RESPONSE_NOT_ASSISTANT',
      message: expect.stringContaining('"tool" (message 2)'),
    });
  });

  test("OpenAI's form", () => {
    const record = {
      input: { messages: [user('p')], tools, parallel_tool_calls: true },
      preferred_output: [assistant('c')],
      non_preferred_output: [assistant('r')],
    };
    const made = result(record);
    expect(made).toMatchObject({ ok: true, preference: { ...pair, tools } });
    expect(made).toMatchObject({
      facts: { form: 'openai', prompt: 'explicit', ignored: ['input.parallel_tool_calls'] },
    });
    expect(result({ ...record, input: { ...record.input, tool_choice: 'f' } })).toMatchObject({
      reason: 'UNSUPPORTED_FIELD',
      field: 'input.tool_choice',
    });
    expect(result({ ...record, input: { messages: 3 } })).toMatchObject({
      reason: 'WRONG_TYPE',
      field: 'input.messages',
    });
  });
});

describe('messages', () => {
  test.each(['reasoning_content', 'reasoning', 'thinking'])('%s is the reasoning before the content', (name) => {
    const chosen = [{ role: 'assistant', content: 'c', [name]: 'because' }];
    expect(parsed({ prompt: 'p', chosen, rejected: 'r' })).toEqual({
      ...pair,
      chosen: [{ role: 'assistant', content: 'c', reasoning_content: 'because' }],
    });
    const two = [{ ...chosen[0], reasoning_content: 'because', [name]: 'otherwise', thinking: 'because' }];
    const differ = name !== 'thinking' && parsePreference(JSON.stringify({ prompt: 'p', chosen: two, rejected: 'r' }));
    if (differ) expect(differ).toMatchObject({ reason: 'UNSUPPORTED_FIELD' });
  });

  test('roles in any case are roles', () => {
    const spell = fc.constantFrom('user', 'assistant', 'system', 'human', 'gpt').chain((role) =>
      fc.array(fc.boolean(), { minLength: role.length, maxLength: role.length }).map((capitals) => ({
        role,
        spelt: [...role].map((letter, i) => (capitals[i] ? letter.toUpperCase() : letter)).join(''),
      })),
    );
    fc.assert(
      fc.property(spell, ({ role, spelt }) => {
        const of = (name: string) => parsed({ prompt: [{ role: name, content: 'x' }, user('p')], ...sides }).prompt[0];
        expect(of(spelt)).toEqual(of(role));
      }),
    );
  });

  test('as JSON text, in both responses or in neither', () => {
    const json = { chosen: JSON.stringify([assistant('c')]), rejected: JSON.stringify(assistant('r')) };
    expect(parsed({ prompt: 'p', ...json })).toEqual(pair);
    expect(parsed({ chosen: JSON.stringify(whole.chosen), rejected: JSON.stringify(whole.rejected) })).toEqual(pair);
    expect(parsed({ chosen_messages: JSON.stringify(whole.chosen), rejected_messages: whole.rejected })).toEqual(pair);
    expect(result({ prompt: 'p', chosen: json.chosen, rejected: 'r' })).toMatchObject({
      reason: 'WRONG_TYPE',
      field: 'chosen',
    });
    const data = { chosen: '[{"city":"Oslo"}]', rejected: '{}' };
    expect(parsed({ prompt: 'p', ...data })).toEqual({ kind: 'text', prompt: 'p', ...data });
  });

  test.each(['prompt', 'chosen'])('as Python prints them, they are refused: %s', (name) => {
    const record = { prompt: 'p', ...sides, [name]: "[{'role': 'user', 'content': 'p'}]" };
    expect(result(record)).toMatchObject({
      reason: 'WRONG_TYPE',
      field: name,
      message: expect.stringMatching(/Python/),
    });
  });
});

describe('conversations are split where they part', () => {
  const shared = [user('p'), assistant('a'), user('q')];
  const expected = { ...pair, prompt: shared };
  const long = { chosen: [...shared, assistant('c')], rejected: [...shared, assistant('r')] };

  test.each<[string, object]>([
    ['beside the first question as text', { prompt: 'p' }],
    ['beside the last question as text', { prompt: 'q' }],
    ['beside the first message', { prompt: [user('p')] }],
    ['beside all of the prompt', { prompt: shared }],
    ['without a prompt', {}],
  ])('%s', (_name, prompt) => {
    expect(parsed({ ...prompt, ...long })).toEqual(expected);
  });

  test('after a prompt of its own', () => {
    const rest = { chosen: long.chosen.slice(1), rejected: long.rejected.slice(1) };
    expect(parsed({ prompt: 'p', ...rest })).toEqual(expected);
  });

  test('behind a prompt that says more than they repeat', () => {
    const record = { prompt: [system('s'), user('p')], ...whole };
    expect(parsed(record)).toEqual({ ...pair, prompt: [system('s'), user('p')] });
  });

  test('no prompt, response or message of a user is trained, whatever is shared', () => {
    const message = fc.record({
      role: fc.constantFrom('user', 'assistant', 'system', 'tool'),
      content: fc.constantFrom('a', 'b'),
    });
    const messages = fc.array(message, { maxLength: 5 });
    fc.assert(
      fc.property(fc.option(messages), messages, messages, messages, (prompt, begin, c, r) => {
        const made = result({ prompt, chosen: [...begin, ...c], rejected: [...begin, ...r] });
        if (!made.ok || made.preference.kind !== 'messages') return;
        const trained = [...made.preference.chosen, ...made.preference.rejected];
        expect(trained.every(({ role }) => role === 'assistant')).toBe(true);
        expect(made.preference.prompt.at(-1)?.role).not.toBe('assistant');
      }),
      { numRuns: 2000 },
    );
  });

  test('a prompt that the conversations do not have is refused', () => {
    expect(result({ prompt: 'x', ...long })).toMatchObject({ reason: 'AMBIGUOUS_PROMPT' });
    expect(result({ prompt: [user('x')], ...long })).toMatchObject({ reason: 'AMBIGUOUS_PROMPT' });
  });
});

describe('facts', () => {
  test.each<[object, object]>([
    [
      { prompt: 'p', ...sides },
      { form: 'prompt-chosen-rejected', prompt: 'explicit' },
    ],
    [
      { question: 'p', ...sides },
      { form: 'question-chosen-rejected', prompt: 'explicit' },
    ],
    [
      { instruction: 'p', ...sides },
      { form: 'alpaca', prompt: 'explicit' },
    ],
    [
      { conversations: [user('p')], ...sides },
      { form: 'sharegpt', prompt: 'explicit' },
    ],
    [
      { messages: [user('p')], ...sides },
      { form: 'messages-chosen-rejected', prompt: 'explicit' },
    ],
    [whole, { form: 'chosen-rejected', prompt: 'implicit' }],
    [
      { chosen: 'p c', rejected: 'p r' },
      { form: 'chosen-rejected', prompt: 'implicit' },
    ],
    [
      { text: ['p c', 'p r'], score: [1, 0] },
      { form: 'scored-texts', prompt: 'implicit' },
    ],
    [
      { prompt_ids: [1], chosen_ids: [2], rejected_ids: [3] },
      { form: 'token-ids', prompt: 'explicit' },
    ],
    [
      { chosen_messages: whole.chosen, rejected_messages: whole.rejected },
      { form: 'chosen_messages-rejected_messages', prompt: 'implicit' },
    ],
  ])('of %j', (record, facts) => {
    const made = result({ ...record, id: 1, source: 's', note: null });
    expect(made).toMatchObject({
      facts: { ...facts, read: expect.arrayContaining(['id', ...Object.keys(record)]), ignored: ['source', 'note'] },
    });
  });
});

describe('responses of text that begin with the whole prompt', () => {
  const prompt = 'Which river is it? ';
  const repeated = { chosen: `${prompt}The Nile.`, rejected: `${prompt}The Po.` };
  const parse = (record: object) => parsePreference(JSON.stringify(record));

  test('are split where it ends, in every field of the prompt', () => {
    expect(parse({ prompt, ...repeated })).toMatchObject({
      preference: { kind: 'text', prompt, chosen: 'The Nile.', rejected: 'The Po.' },
    });
    for (const name of ['question', 'query', 'instruction', 'problem', 'user', 'input']) {
      expect(parse({ [name]: prompt, ...repeated })).toMatchObject({
        preference: { chosen: [{ role: 'assistant', content: 'The Nile.' }], text: { chosen: 'The Nile.' } },
      });
    }
  });

  test('stay whole where only one does, or the prompt is a word or two', () => {
    expect(parse({ prompt, ...repeated, rejected: 'The Po.' })).toMatchObject({
      preference: { chosen: repeated.chosen, rejected: 'The Po.' },
    });
    expect(parse({ prompt: 'Hi', chosen: 'Hi there', rejected: 'Hi you' })).toMatchObject({
      preference: { chosen: 'Hi there', rejected: 'Hi you' },
    });
  });
});
