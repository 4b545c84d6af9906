import { type Preference, parsePreference, pythonJson, recordOf } from './index.ts';
import { parseRecordJson } from './python-json.ts';

/** The calls of a record whose chosen response calls a tool with these arguments, as JSON text. */
function callsWith(text: string, wrap = (calls: string) => calls): Preference {
  const calls = wrap(`[{"function":{"name":"f","arguments":${text}}}]`);
  const record = `{"prompt":"p 1.0","weight":1.0,"chosen":[{"role":"assistant","tool_calls":${calls}}],"rejected":"r"}`;
  return parse(record);
}

function parse(record: string): Preference {
  const parsed = parsePreference(record);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.preference;
}

test.each(['1.0', '[1.0,2]', '{"ratio":-3.0,"n":2,"deep":[{"x":0.0}]}', '{"x":2.5}', '{"x":100000.0}', '7'])(
  'arguments %s stay as Python wrote them, when they are written again too',
  (text) => {
    for (const wrap of [(calls: string) => calls, JSON.stringify]) {
      const written = pythonJson(recordOf(callsWith(text, wrap)));
      expect(written).toContain(`"arguments":${text}}`);
      expect(pythonJson(recordOf(parse(written)))).toBe(written);
    }
  },
);

test('a float is one too where it is written with an exponent, and survives a structured clone', () => {
  const whole = callsWith('{"x":1e3}');
  expect(pythonJson(recordOf(structuredClone(whole)))).toContain('"arguments":{"x":1000.0}');
});

test('elsewhere numbers are plain numbers', () => {
  expect(callsWith('1.0').weight).toBe(1);
  const record = '{"weight":1.0,"scores":[1.0,2.0],"tools":[{"x":1.0}],"meta":{"a":{"b":3.0}},"t":null}';
  const parsed = parseRecordJson(record) as Record<string, never>;
  expect([parsed.weight, parsed.scores, parsed.meta]).toEqual([1, [1, 2], { a: { b: 3 } }]);
  expect(parsed.tools).toEqual([{ x: Object(1) }]);
});

test('integers that a double does not hold are refused, and floats of any size are not', () => {
  expect(() => callsWith('{"x":1212092628029698048}')).toThrow('loses digits');
  expect(pythonJson(recordOf(callsWith('{"x":1e300}')))).toContain('"x":1e+300');
});
