import { indexOfRun, overlap, splitMessages, splitTexts } from './implicit-prompt.ts';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

test('transcripts split after the last "Assistant:" that they have in common', () => {
  const prompt = '\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant:';
  const responses = { chosen: ' The sun is hot.', rejected: ' The sun is cold.\n\nHuman: No\n\nAssistant: Yes' };
  expect(splitTexts(prompt + responses.chosen, prompt + responses.rejected)).toEqual({ prompt, ...responses });
});

test('plain texts split before the last white space that they have in common', () => {
  expect(splitTexts('The sky is blue.', 'The sky is green.')).toEqual({
    prompt: 'The sky is',
    chosen: ' blue.',
    rejected: ' green.',
  });
});

test('a word is never split, whichever text it is longer in', () => {
  expect(splitTexts('He has a car', 'He has a carpet').prompt).toBe('He has a');
  expect(splitTexts('He has a car now', 'He has a carpet').prompt).toBe('He has a');
  expect(splitTexts('He has a carpet', 'He has a car now').prompt).toBe('He has a');
});

test('East Asian texts, which have no spaces, split after their last common character', () => {
  expect(splitTexts('天空为什么是蓝色的？因为散射', '天空为什么是蓝色的？不知道')).toEqual({
    prompt: '天空为什么是蓝色的？',
    chosen: '因为散射',
    rejected: '不知道',
  });
  expect(splitTexts('用 Python 写：好', '用 Python 写：不').prompt).toBe('用 Python 写：');
  expect(splitTexts('答えはcar', '答えはcarpet').prompt).toBe('答えは');
});

test('a pair of surrogates is never split', () => {
  // U+1F600 and U+1F601 have their first surrogate in common.
  expect(splitTexts('so \u{1F600}', 'so \u{1F601}')).toEqual({
    prompt: 'so',
    chosen: ' \u{1F600}',
    rejected: ' \u{1F601}',
  });
  expect(splitTexts('\u{1F600}', '\u{1F601}').prompt).toBe('');
});

test('whatever the split, prompt and response are the text', () => {
  const texts = [
    '',
    ' ',
    'a',
    'a b',
    'a\nb',
    ' a',
    'a  b',
    '\n\nAssistant: a',
    '\n\nAssistant: b',
    '\u{1F600} a',
    '天',
    '天空',
    '天a',
  ];
  for (const chosen of texts) {
    for (const rejected of texts) {
      const split = splitTexts(chosen, rejected);
      expect([split.prompt + split.chosen, split.prompt + split.rejected]).toEqual([chosen, rejected]);
    }
  }
});

test('conversations split after their common messages, and each keeps a response', () => {
  expect(splitMessages([user('a'), assistant('b')], [user('a'), assistant('c')])).toEqual({
    prompt: [user('a')],
    chosen: [assistant('b')],
    rejected: [assistant('c')],
  });
  expect(splitMessages([user('a'), assistant('b')], [user('a')])).toEqual({
    prompt: [],
    chosen: [user('a'), assistant('b')],
    rejected: [user('a')],
  });
});

test('a turn of the assistant before the place where conversations part belongs to the responses', () => {
  const opening = [user('a'), assistant('b')];
  expect(splitMessages([...opening, user('c'), assistant('d')], [...opening, user('x'), assistant('y')])).toEqual({
    prompt: [user('a')],
    chosen: [assistant('b'), user('c'), assistant('d')],
    rejected: [assistant('b'), user('x'), assistant('y')],
  });
});

test('a run of messages is found where it stands, and an empty one nowhere', () => {
  const messages = [user('a'), user('a'), assistant('b'), user('c')];
  expect(indexOfRun(messages, [user('a'), assistant('b')])).toBe(1);
  expect(indexOfRun(messages, [user('c'), assistant('b')])).toBe(-1);
  expect(indexOfRun(messages, [])).toBe(-1);
});

test('the longest end of one conversation that another begins with', () => {
  expect(overlap([user('s'), user('a'), assistant('b')], [user('a'), assistant('b'), user('c')])).toBe(2);
  expect(overlap([user('a')], [user('b')])).toBe(0);
  expect(overlap([user('a')], [])).toBe(0);
});

test('messages with other tool calls, names or reasoning are other messages', () => {
  const call = (city: string) => ({ ...assistant('b'), tool_calls: [{ function: { arguments: { city } } }] });
  const split = splitMessages([user('a'), call('Oslo'), user('c')], [user('a'), call('Rome'), user('c')]);
  expect(split.prompt).toEqual([user('a')]);
});
