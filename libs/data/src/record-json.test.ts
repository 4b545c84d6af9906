import { parsePreference } from './index.ts';
import { withoutNonFinite } from './non-finite-json.ts';

const PAIR = '"prompt":"p","chosen":"c","rejected":"r"';
const parse = (record: string | Uint8Array) => {
  const result = parsePreference(record);
  return result.ok ? result.preference : result;
};

describe('numbers that a double does not hold', () => {
  test.each(['1212092628029698048', '-1212092628029698048', '9007199254740993', '1e300'])(
    'the id %s keeps its digits',
    (digits) => {
      expect(parse(`{"id":${digits},${PAIR}}`)).toMatchObject({ id: digits });
      expect(parse(`{"prompt_id":${digits},${PAIR}}`)).toMatchObject({ id: digits });
    },
  );

  test('the id of the record is taken, not that of an inner object', () => {
    const record = `{"metadata":{"id":1212092628029698049},"id":1212092628029698048,"extra":{"id":1},${PAIR}}`;
    expect(parse(record)).toMatchObject({ id: '1212092628029698048' });
    expect(parse(`{"margin":NaN,"id":1212092628029698048,${PAIR}}`)).toMatchObject({ id: '1212092628029698048' });
  });

  test('in arguments of tools they would be other numbers, and are refused with their place', () => {
    const call = '{"function":{"name":"f","arguments":{"id":1212092628029698048}}}';
    const record = `{"prompt":"p","chosen":[{"role":"assistant","tool_calls":[${call}]}],"rejected":"r"}`;
    expect(parse(record)).toMatchObject({
      reason: 'WRONG_TYPE',
      field: 'chosen[0].tool_calls[0].function.arguments.id',
    });
  });
});

describe('NaN and Infinity, as Python writes them', () => {
  test.each(['NaN', 'Infinity', '-Infinity', '[NaN, 1]', '{"a": -Infinity}'])(
    '%s in an unused field is passed over',
    (value) => {
      expect(parse(`{${PAIR},"margin":${value}}`)).toEqual({ kind: 'text', prompt: 'p', chosen: 'c', rejected: 'r' });
    },
  );

  test.each([
    ['chosen', `{"prompt":"p","chosen":NaN,"rejected":"r"}`, 'WRONG_TYPE'],
    ['id', `{"id":NaN,${PAIR}}`, 'WRONG_TYPE'],
    ['weight', `{"weight":-Infinity,${PAIR}}`, 'INVALID_WEIGHT'],
    ['score', '{"text":["a b","a c"],"score":[NaN,1]}', 'WRONG_TYPE'],
    ['chosen_ids', '{"prompt_ids":[1],"chosen_ids":[NaN],"rejected_ids":[2]}', 'INVALID_TOKEN_IDS'],
  ])('in %s it is refused by name', (field, record, reason) => {
    expect(parse(record)).toMatchObject({ ok: false, reason, field });
  });

  test('text keeps the words, and JSON with other faults is refused', () => {
    const record = `{"prompt":"is NaN \\"NaN\\" Infinity?","chosen":"c\\\\","rejected":"r","score":NaN}`;
    expect(parse(record)).toMatchObject({ prompt: 'is NaN "NaN" Infinity?', chosen: 'c\\' });
    expect(parse(`{${PAIR},"a":NaN,}`)).toMatchObject({ reason: 'NOT_JSON' });
    expect(parse(`{${PAIR},"a":Nil}`)).toMatchObject({ reason: 'NOT_JSON' });
    expect(withoutNonFinite('{"a":"NaN"}')).toBeUndefined();
    expect(withoutNonFinite('{"a":"NaN')).toBeUndefined();
  });

  test('a long record with a fault is looked through in linear time', () => {
    expect(parse(`{"prompt":"${'\\\\'.repeat(4_000_000)}`)).toMatchObject({ reason: 'NOT_JSON' });
    expect(parse(`[${'NaN,'.repeat(1_000_000)}]`)).toMatchObject({ reason: 'NOT_JSON' });
  });
});

describe('encodings', () => {
  const record = `{${PAIR}}`;
  const pair = { kind: 'text', prompt: 'p', chosen: 'c', rejected: 'r' };

  test('a byte-order mark of UTF-8 is no part of the record', () => {
    expect(parse(`\ufeff${record}`)).toEqual(pair);
    expect(parse(Buffer.from(`\ufeff${record}`))).toEqual(pair);
  });

  const little = Buffer.from(record, 'utf16le');
  const big = Buffer.from(little).swap16();
  test.each([
    ['little-endian', little],
    ['big-endian', big],
    ['little-endian with a mark', Buffer.concat([Buffer.from([0xff, 0xfe]), little])],
    ['big-endian with a mark', Buffer.concat([Buffer.from([0xfe, 0xff]), big])],
    // What is left of a line where the file is cut at the byte of the newline.
    ['cut at a newline', Buffer.concat([Buffer.from([0]), little]).subarray(0, -1)],
  ])('UTF-16, %s, is named, with the way to UTF-8', (_name, bytes) => {
    expect(parse(bytes)).toMatchObject({ reason: 'NOT_UTF8', message: expect.stringMatching(/is UTF-16.*iconv/) });
  });
});

test('of a name that occurs twice the last one counts', () => {
  expect(parse('{"prompt":"x","prompt":"p","chosen":"c","rejected":"r"}')).toMatchObject({ prompt: 'p' });
});
