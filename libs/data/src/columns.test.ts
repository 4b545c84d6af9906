import fc from 'fast-check';
import { ColumnMapping, type ColumnOptions, type LeftOut } from './columns.ts';
import { losslessJson, rawFields, textOfFields } from './lossless-json.ts';

function mapped(records: readonly string[], options: ColumnOptions) {
  const leftOut: [LeftOut, number][] = [];
  const mapping = new ColumnMapping(options, (why, { line }) => leftOut.push([why, line]));
  const texts = records.flatMap((text, i) => {
    const record = mapping.apply({ bytes: Buffer.from(text), file: 'f', line: i + 1 });
    return record === undefined ? [] : [Buffer.from(record.bytes).toString()];
  });
  return { texts, leftOut };
}

const columns = (...pairs: (readonly [string, string])[]) => ({ columns: new Map(pairs) });

test('columns become fields, and everything else keeps its bytes', () => {
  const record = '{"q": "\\u00e9", "a":[ {"x": 1} ],"id":12345678901234567890, "s":NaN, "chosen":"old", "b":null}';
  const { texts } = mapped([record], columns(['prompt', 'q'], ['chosen', 'a'], ['rejected', 'b']));
  expect(texts).toEqual([
    '{"id":12345678901234567890,"s":NaN,"prompt":"\\u00e9","chosen":[ {"x": 1} ],"rejected":null}',
  ]);
});

test('columns may change places', () => {
  const { texts } = mapped(['{"a":1,"b":2}'], columns(['a', 'b'], ['b', 'a']));
  expect(texts).toEqual(['{"a":2,"b":1}']);
});

test('a missing column is an error that lists the existing ones; a later record may lack a column', () => {
  expect(() => mapped(['{"q":1,"a":2}'], columns(['prompt', 'question']))).toThrow(
    'f:1 has no column question (--columns prompt=question); it has q, a',
  );
  const { texts } = mapped(['{"q":1}', '{"prompt":"other"}'], columns(['prompt', 'q']));
  expect(texts).toEqual(['{"prompt":1}', '{}']);
});

test('an empty prompt stays an empty prompt', () => {
  expect(mapped(['{"q":null}'], columns(['prompt', 'q'])).texts).toEqual(['{"prompt":""}']);
});

test('a record that is not a JSON object is passed on for the parser to reject', () => {
  const records = ['[1]', '{"a":', '', 'x', '{"a" 1}', '{"a":1} x', '{1:2}', '{"a":}', '{"a":1,}'];
  expect(mapped(records, columns(['prompt', 'q'])).texts).toEqual(records);
});

describe('--winner', () => {
  const sides = columns(['chosen', 'x'], ['rejected', 'y']);
  const first = '{"chosen":"A","rejected":"B"}';
  const second = '{"chosen":"B","rejected":"A"}';
  test.each<[string, string | LeftOut]>([
    ...(['1', '1.0', '"1"', '"a"', '"A"', '"model_a"', '"response1"', '"first"', '" A "'] as const).map(
      (vote) => [vote, first] as [string, string],
    ),
    ...(['2', '"b"', '"B"', '"model_b"', '"second"'] as const).map((vote) => [vote, second] as [string, string]),
    ['"tie"', 'tie'],
    ['"tie (bothbad)"', 'tie'],
    ['""', 'no vote'],
    ['null', 'no vote'],
    ['NaN', 'no vote'],
  ])('%s', (vote, expected) => {
    const { texts, leftOut } = mapped([`{"x":"A","y":"B","w":${vote}}`], { ...sides, winner: { column: 'w' } });
    expect(texts[0] ?? leftOut[0]?.[0]).toBe(expected);
  });

  test.each(['0', '3', '"llama"', 'true'])('the ambiguous vote %s is an error', (vote) => {
    expect(() => mapped([`{"x":1,"y":2,"w":${vote}}`], { ...sides, winner: { column: 'w' } })).toThrow(
      /--winner w=1,2,0/,
    );
  });

  test('values that are given decide', () => {
    const winner = { column: 'w', values: { first: '0', second: '1', tie: 'both' } };
    const records = ['0', '1', '"both"', 'null'].map((vote) => `{"x":"A","y":"B","w":${vote}}`);
    const { texts, leftOut } = mapped(records, { ...sides, winner });
    expect(texts).toEqual([first, second]);
    expect(leftOut).toEqual([
      ['tie', 3],
      ['no vote', 4],
    ]);
    expect(() => mapped(['{"x":1,"y":2,"w":2}'], { ...sides, winner })).toThrow(/none of the given values/);
  });

  test('every field of the two sides is swapped', () => {
    const record = '{"chosen":1,"rejected":2,"score_chosen":3,"score_rejected":4,"chosen_model":"m","id":5,"w":"b"}';
    expect(mapped([record], { winner: { column: 'w' } }).texts).toEqual([
      '{"chosen":2,"rejected":1,"score_chosen":4,"score_rejected":3,"rejected_model":"m","id":5}',
    ]);
  });
});

describe('--min-margin', () => {
  test.each<[string, string | undefined]>([
    ['{"score_chosen":2,"score_rejected":1}', undefined],
    ['{"score_chosen":2,"score_rejected":1.1}', 'below the margin'],
    ['{"chosen_score":"2","rejected_score":"1"}', undefined],
    ['{"chosen-rating":1,"rejected-rating":2}', 'below the margin'],
    ['{"margin":1}', undefined],
    ['{"margin":"0.5"}', 'below the margin'],
    ['{"margin":null}', 'no scores'],
    ['{"score_chosen":NaN,"score_rejected":1}', 'no scores'],
  ])('of 1: %s', (record, why) => {
    const { texts, leftOut } = mapped([record], { minMargin: 1 });
    expect(leftOut[0]?.[0]).toBe(why);
    expect(texts).toEqual(why === undefined ? [record] : []);
  });

  test('without scores is an error that says what to name', () => {
    expect(() => mapped(['{"a":1}'], { minMargin: 1 })).toThrow(/--columns score_chosen=COLUMN.*it has a/);
  });
});

test('--weight copies a number, also from text; a record without one is left out', () => {
  const records = ['{"w":0.5}', '{"w":"2"}', '{"w":"much"}', '{"w":null}', '{"x":1}'];
  const { texts, leftOut } = mapped(records, { weight: 'w' });
  expect(texts).toEqual(['{"weight":0.5}', '{"weight":2}', '{"weight":"much"}']);
  expect(leftOut).toEqual([
    ['no weight', 4],
    ['no weight', 5],
  ]);
});

test('--ignore-fields takes fields out', () => {
  expect(mapped(['{"a":1,"b":2,"c":3}'], { ignoreFields: ['a', 'c', 'd'] }).texts).toEqual(['{"b":2}']);
});

test('fields and values of any JSON keep their text', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat({ max: 3 }), (record, spaces) => {
      const fields = rawFields(JSON.stringify(record, undefined, spaces));
      expect(fields?.map(({ name }) => name)).toEqual(Object.keys(record));
      expect(JSON.parse(textOfFields(fields ?? []))).toEqual(JSON.parse(JSON.stringify(record)));
    }),
  );
});

test('JavaScript values that JSON lacks are written without loss', () => {
  const value = {
    a: 2n ** 63n,
    b: Number.NaN,
    c: [new Date(0), undefined],
    d: new Uint8Array([1]),
    e: new BigInt64Array([1n]),
  };
  expect(losslessJson(value)).toBe(
    '{"a":9223372036854775808,"b":NaN,"c":["1970-01-01T00:00:00.000Z",null],"d":{"bytes":"AQ=="},"e":[1]}',
  );
});
