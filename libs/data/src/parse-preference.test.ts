import { parsePreference } from './index.ts';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

const parse = (record: unknown) => parsePreference(JSON.stringify(record));
const parsed = (record: unknown) => {
  const result = parse(record);
  if (!result.ok) throw new Error(`${result.reason}: ${result.message}`);
  return result.preference;
};

describe('text', () => {
  const text = { kind: 'text', prompt: 'p', chosen: 'c', rejected: 'r' };

  test('prompt and responses', () => {
    expect(parsed({ prompt: 'p', chosen: 'c', rejected: 'r' })).toEqual(text);
    expect(parsePreference(Buffer.from('{"prompt":"p","chosen":"c","rejected":"r"}'))).toMatchObject({
      ok: true,
      preference: text,
    });
  });

  test('two transcripts that repeat a prompt in the same form', () => {
    const prompt = '\n\nHuman: Hi\n\nAssistant:';
    const record = { prompt, chosen: `${prompt} Hello`, rejected: `${prompt} Bah` };
    expect(parsed(record)).toEqual({ kind: 'text', prompt, chosen: ' Hello', rejected: ' Bah' });
    // Other text may begin as its prompt does without repeating it.
    const greeting = { prompt: 'Hello', chosen: 'Hello there', rejected: 'Hello you' };
    expect(parsed(greeting)).toEqual({ kind: 'text', ...greeting });
  });

  test('two transcripts and their scores, the better one first or last', () => {
    const expected = { kind: 'text', prompt: '\n\nHuman: Hi\n\nAssistant:', chosen: ' Hello', rejected: ' Bah' };
    const [good, bad] = [`${expected.prompt}${expected.chosen}`, `${expected.prompt}${expected.rejected}`];
    expect(parsed({ text: [good, bad], score: [1, 0] })).toEqual(expected);
    expect(parsed({ text: [bad, good], score: [-1, 0.5] })).toEqual(expected);
  });
});

describe('conversations', () => {
  const conversation = {
    kind: 'messages',
    prompt: [user('p')],
    chosen: [assistant('c')],
    rejected: [assistant('r')],
  };

  test.each<[string, object]>([
    ['messages', { prompt: [user('p')], chosen: [assistant('c')], rejected: [assistant('r')] }],
    ['a single message each', { prompt: user('p'), chosen: assistant('c'), rejected: assistant('r') }],
    ['a text prompt before messages', { prompt: 'p', chosen: [assistant('c')], rejected: [assistant('r')] }],
    ['text responses to messages', { prompt: [user('p')], chosen: 'c', rejected: 'r' }],
    [
      'responses that repeat the prompt',
      { prompt: [user('p')], chosen: [user('p'), assistant('c')], rejected: [user('p'), assistant('r')] },
    ],
    [
      'content as text parts',
      { prompt: [{ role: 'user', content: [{ type: 'text', text: 'p' }] }], chosen: 'c', rejected: 'r' },
    ],
    [
      "ShareGPT's turns",
      {
        conversations: [{ from: 'human', value: 'p' }],
        chosen: { from: 'gpt', value: 'c' },
        rejected: { from: 'gpt', value: 'r' },
      },
    ],
    [
      'whole conversations as messages',
      { chosen_messages: [user('p'), assistant('c')], rejected_messages: [user('p'), assistant('r')] },
    ],
    [
      'whole conversations without a prompt',
      { chosen: [user('p'), assistant('c')], rejected: [user('p'), assistant('r')] },
    ],
  ])('%s', (_form, record) => {
    expect(parsed(record)).toEqual(conversation);
  });

  test('roles by their other names are user and assistant', () => {
    const roles = ['prompter', 'gpt', 'bot', 'model', 'system', 'tool', 'human'];
    const prompt = roles.map((role) => ({ role, content: role }));
    expect(parsed({ prompt, chosen: 'c', rejected: 'r' }).prompt).toEqual(
      ['user', 'assistant', 'assistant', 'assistant', 'system', 'tool', 'user'].map((role, i) => ({
        role,
        content: roles[i],
      })),
    );
  });

  test('whole conversations beside a text prompt, after a system message', () => {
    const system = { role: 'system', content: 's' };
    const record = {
      prompt: 'p',
      chosen: [system, user('p'), assistant('c')],
      rejected: [system, user('p'), assistant('r')],
    };
    expect(parsed(record)).toEqual({ ...conversation, prompt: [system, user('p')] });
  });

  test('several messages of the assistant are one response', () => {
    const turns = [assistant('c'), assistant('d')];
    expect(parsed({ prompt: [user('p')], chosen: turns, rejected: 'r' })).toEqual({ ...conversation, chosen: turns });
  });
});

test('token ids are taken as they are', () => {
  const record = { prompt_ids: [1, 2], chosen_ids: [3], rejected_ids: [4, 0] };
  expect(parsed(record)).toEqual({ kind: 'tokens', prompt: [1, 2], chosen: [3], rejected: [4, 0] });
});

test('a weight is a number above 0, also as text; null is none', () => {
  const record = { prompt: 'p', chosen: 'c', rejected: 'r' };
  expect(parsed({ ...record, weight: 0.25 }).weight).toBe(0.25);
  expect(parsed({ ...record, weight: '2.5' }).weight).toBe(2.5);
  expect(parsed({ ...record, weight: null })).not.toHaveProperty('weight');
  expect(parsePreference('{"prompt":"p","chosen":"c","rejected":"r","weight":NaN}')).toMatchObject({
    reason: 'INVALID_WEIGHT',
  });
});

test('an id is text or a number, also by the name prompt_id; null is none', () => {
  const record = { prompt: 'p', chosen: 'c', rejected: 'r' };
  expect(parsed({ id: 'a', prompt_id: 'b', ...record }).id).toBe('a');
  expect(parsed({ id: 7, ...record }).id).toBe('7');
  expect(parsed({ prompt_id: 'b', ...record }).id).toBe('b');
  expect(parsed({ id: null, prompt_id: 'b', ...record }).id).toBe('b');
  expect(parsed({ id: null, ...record })).not.toHaveProperty('id');
  expect(parsed({ id: '', ...record })).not.toHaveProperty('id');
});

describe('what is refused, and how its message names the place', () => {
  const pair = { prompt: 'p', chosen: 'c', rejected: 'r' };

  test.each<[reason: string, record: unknown, message: RegExp, field?: string]>([
    ['MISSING_FIELD', { prompt: 'p', chosen: 'c' }, /^rejected missing; the record has prompt, chosen$/, 'rejected'],
    [
      'MISSING_FIELD',
      { question: 'p' },
      /^chosen and rejected missing; the record has question: name the better/,
      'chosen',
    ],
    ['MISSING_FIELD', { prompt: 'p', choosen: 'c', rejected: 'r' }, /: rename choosen to chosen\?$/, 'chosen'],
    ['MISSING_FIELD', { preferred_output: [] }, /^non_preferred_output missing/, 'non_preferred_output'],
    ['MISSING_FIELD', {}, /no fields/, 'chosen'],
    ['MISSING_FIELD', { prompt_ids: [1], chosen_ids: [2] }, /^rejected_ids missing/, 'rejected_ids'],
    ['MISSING_FIELD', { chosen_messages: [] }, /^rejected_messages missing/, 'rejected_messages'],
    ['PROMPT_ONLY', { prompt: 'p' }, /add two responses, chosen and rejected/],
    ['LANGUAGE_MODELLING', { text: 'a b' }, /two responses, chosen and rejected/],
    ['LANGUAGE_MODELLING', { messages: [user('p'), assistant('c')] }, /two responses/],
    ['STEPWISE_SUPERVISION', { prompt: 'p', completions: ['a'], labels: [true] }, /^completions/],
    ['UNPAIRED', { prompt: 'p', completion: 'c' }, /chosen and rejected/],
    ['UNPAIRED', { prompt: 'p', completion: 'c', label: true }, /chosen and rejected/],
    ['UNPAIRED', { messages: [], label: false }, /chosen and rejected/],
    ['NOT_AN_OBJECT', [], /not a list/],
    ['NOT_AN_OBJECT', null, /not null/],
    ['NOT_AN_OBJECT', 'text', /not a string/],
    ['EMPTY_PROMPT', { ...pair, prompt: null }, /^the prompt is empty: prompt has no text/, 'prompt'],
    ['WRONG_TYPE', { ...pair, chosen: true }, /^chosen .*not a boolean/, 'chosen'],
    ['WRONG_TYPE', { ...pair, rejected: 3 }, /^rejected .*not a number/, 'rejected'],
    ['WRONG_TYPE', { ...pair, id: {} }, /^id .*not an object/, 'id'],
    ['WRONG_TYPE', { ...pair, prompt: ['p'] }, /^prompt\[0\] .*not a string/, 'prompt[0]'],
    ['WRONG_TYPE', { ...pair, prompt: [{ content: 'p' }] }, /^prompt\[0\] needs a role/, 'prompt[0].role'],
    [
      'WRONG_TYPE',
      { ...pair, prompt: [user('p'), { role: 'user' }] },
      /^prompt\[1\]\.content is missing/,
      'prompt[1].content',
    ],
    [
      'WRONG_TYPE',
      { ...pair, chosen: [{ role: 'assistant', content: [{ type: 'image' }] }] },
      /^chosen\[0\]\.content\[0\]/,
      'chosen[0].content[0]',
    ],
    ['UNKNOWN_ROLE', { ...pair, prompt: [{ role: 'oracle', content: 'p' }] }, /"oracle"; use one of/, 'prompt[0].role'],
    ['UNKNOWN_ROLE', { ...pair, prompt: { from: 'oracle', value: 'p' } }, /^prompt\.from /, 'prompt.from'],
    ['LONE_SURROGATE', { ...pair, chosen: 'c\ud83d' }, /^chosen has a lone surrogate/, 'chosen'],
    [
      'LONE_SURROGATE',
      { ...pair, prompt: [user('\udc00')] },
      /^prompt\[0\]\.content has a lone surrogate/,
      'prompt[0].content',
    ],
    ['WRONG_TYPE', { text: ['a b', 'a c'], score: [0, 'x'] }, /^score must be two numbers/, 'score'],
    ['WRONG_TYPE', { ...pair, prompt_id: true }, /^prompt_id .*not a boolean/, 'prompt_id'],
    ['WRONG_TYPE', { text: ['a', 1], score: [1, 0] }, /^text\[1\] .*not a number/, 'text[1]'],
    ['WRONG_TYPE', { text: ['a', 'b'], score: [1, 0, 0] }, /^score must be two/, 'score'],
    ['EMPTY_PROMPT', { prompt_ids: [], chosen_ids: [1], rejected_ids: [2] }, /^the prompt is empty/, 'prompt'],
    ['EMPTY_PROMPT', { ...pair, prompt: '', chosen: [assistant('c')] }, /^the prompt is empty/, 'prompt'],
    ['PROMPT_ENDS_WITH_ASSISTANT', { ...pair, prompt: [user('p'), assistant('a')] }, /move it/, 'prompt'],
    ['RESPONSE_NOT_ASSISTANT', { ...pair, chosen: [user('x'), assistant('c')] }, /^chosen .*"user"/, 'chosen'],
    ['RESPONSE_NOT_ASSISTANT', { ...pair, rejected: [assistant('c'), user('x')] }, /^rejected .*"user"/, 'rejected'],
    [
      'RESPONSE_NOT_ASSISTANT',
      { ...pair, chosen: [assistant('c'), user('x'), assistant('d')] },
      /^chosen has a message with role "user" \(message 2\)/,
      'chosen',
    ],
    [
      'RESPONSE_NOT_ASSISTANT',
      {
        chosen: '\n\nHuman: Hi\n\nAssistant: Hello',
        rejected: '\n\nHuman: Hi\n\nAssistant: Bah\n\nHuman: What?\n\nAssistant: Bah',
      },
      /^rejected has a message with role "human"/,
      'rejected',
    ],
    ['INVALID_WEIGHT', { ...pair, weight: -1 }, /^weight must be a finite number above 0, not -1/, 'weight'],
    ['INVALID_WEIGHT', { ...pair, weight: 0 }, /not 0/, 'weight'],
    ['INVALID_WEIGHT', { ...pair, weight: 'heavy' }, /not "heavy"/, 'weight'],
    ['INVALID_WEIGHT', { ...pair, weight: true }, /not a boolean/, 'weight'],
    [
      'WRONG_TYPE',
      { ...pair, chosen: [{ role: 'assistant', content: [null] }] },
      /^chosen\[0\]\.content\[0\]/,
      'chosen[0].content[0]',
    ],
    ['WRONG_TYPE', { instruction: 1, chosen: 'c', rejected: 'r' }, /^instruction .*not a number/, 'instruction'],
    ['WRONG_TYPE', { instruction: 'p', input: 1, chosen: 'c', rejected: 'r' }, /^input .*not a number/, 'input'],
    [
      'WRONG_TYPE',
      { conversations: 'p', chosen: 'c', rejected: 'r' },
      /^conversations must be a list of messages/,
      'conversations',
    ],
    [
      'WRONG_TYPE',
      { chosen_messages: 'c', rejected_messages: [] },
      /^chosen_messages must be a list of messages/,
      'chosen_messages',
    ],
    ['WRONG_TYPE', { chosen: 'c', rejected: [assistant('r')] }, /^chosen and rejected must both be/, 'rejected'],
    ['WRONG_TYPE', { text: ['a'], score: [1, 0] }, /^text must be two strings/, 'text'],
    ['WRONG_TYPE', { text: ['a', 'b'], score: 1 }, /^score must be two numbers/, 'score'],
    ['NO_PREFERENCE', { text: ['a b', 'a c'], score: [1, 1] }, /same score/, 'score'],
    ['EMPTY_PROMPT', { ...pair, prompt: '' }, /^the prompt is empty/, 'prompt'],
    ['EMPTY_PROMPT', { ...pair, prompt: [], chosen: [assistant('c')] }, /^the prompt is empty/, 'prompt'],
    ['EMPTY_PROMPT', { chosen: 'abc', rejected: 'xyz' }, /add a prompt field/, 'prompt'],
    ['EMPTY_PROMPT', { chosen: [assistant('c')], rejected: [assistant('r')] }, /add a prompt field/, 'prompt'],
    ['EMPTY_RESPONSE', { ...pair, chosen: '' }, /^chosen is empty/, 'chosen'],
    ['EMPTY_RESPONSE', { ...pair, rejected: [assistant('')] }, /^rejected is empty/, 'rejected'],
    ['EMPTY_RESPONSE', { prompt_ids: [1], chosen_ids: [], rejected_ids: [2] }, /^chosen is empty/, 'chosen'],
    ['IDENTICAL_RESPONSES', { ...pair, rejected: 'c' }, /^chosen and rejected are the same/],
    ['IDENTICAL_RESPONSES', { prompt_ids: [1], chosen_ids: [2], rejected_ids: [2] }, /are the same/],
    ['INVALID_TOKEN_IDS', { prompt_ids: [1], chosen_ids: [-1], rejected_ids: [2] }, /^chosen_ids/, 'chosen_ids'],
    ['INVALID_TOKEN_IDS', { prompt_ids: [1], chosen_ids: [2], rejected_ids: [2.5] }, /^rejected_ids/, 'rejected_ids'],
    ['INVALID_TOKEN_IDS', { prompt_ids: 'p', chosen_ids: [2], rejected_ids: [3] }, /^prompt_ids/, 'prompt_ids'],
  ])('%s: %j', (reason, record, message, ...[field]) => {
    expect(parse(record)).toEqual({
      ok: false,
      reason,
      message: expect.stringMatching(message),
      ...(field !== undefined && { field }),
    });
  });

  test('a score that is too large to be told apart from others', () => {
    const record = '{"text": ["a b", "a c"], "score": [0, 1e999]}';
    expect(parsePreference(record)).toMatchObject({ reason: 'WRONG_TYPE', field: 'score' });
  });

  test('bytes that are no JSON', () => {
    expect(parsePreference('{"prompt": "p"')).toMatchObject({ ok: false, reason: 'NOT_JSON' });
    expect(parsePreference(new Uint8Array())).toMatchObject({ ok: false, reason: 'NOT_JSON' });
  });

  test('a record that is too long, as text and as bytes', () => {
    const long = `"${'a'.repeat(16 * 2 ** 20)}"`;
    expect(parsePreference(long)).toMatchObject({ ok: false, reason: 'LINE_TOO_LONG' });
    expect(parsePreference(Buffer.from(long))).toMatchObject({ ok: false, reason: 'LINE_TOO_LONG' });
  });

  test('an id that is too long for the records of batches and steps', () => {
    const record = { prompt: 'p', chosen: 'c', rejected: 'r' };
    expect(parsePreference(JSON.stringify({ ...record, id: 'i'.repeat(1000) })).ok).toBe(true);
    expect(parsePreference(JSON.stringify({ ...record, prompt_id: 'i'.repeat(1001) }))).toMatchObject({
      reason: 'ID_TOO_LONG',
      field: 'prompt_id',
    });
  });

  test('names of any length, in messages that fit into a header', () => {
    const name = 'n'.repeat(1_000_000);
    for (const record of [{ [name]: 1 }, { prompt: [{ role: name, content: 'p' }], chosen: 'c', rejected: 'r' }]) {
      expect(parsePreference(JSON.stringify(record))).toMatchObject({
        ok: false,
        message: expect.stringMatching(/^.{10,2000}$/),
      });
    }
  });

  test('bytes that are no UTF-8, with the first wrong one', () => {
    for (const at of [0, 1, 2, 3, 4, 5, 1000]) {
      const text = '"é€🙂'.repeat(100);
      const bytes = Buffer.concat([Buffer.from(text.slice(0, at)), Buffer.from([0xf0, 0x9f, 0x41]), Buffer.from(text)]);
      const place = Buffer.from(text.slice(0, at)).length;
      expect(parsePreference(bytes)).toMatchObject({ message: expect.stringContaining(`byte ${place} `) });
    }

    const bytes = Buffer.concat([Buffer.from('{"prompt": "é'), Buffer.from([0xe9]), Buffer.from('"}')]);
    expect(parsePreference(bytes)).toEqual({
      ok: false,
      reason: 'NOT_UTF8',
      message: expect.stringContaining('byte 14 '),
    });
    const cut = Buffer.from('"é').subarray(0, 2);
    expect(parsePreference(cut)).toMatchObject({ reason: 'NOT_UTF8', message: expect.stringContaining('byte 1 ') });
  });
});
