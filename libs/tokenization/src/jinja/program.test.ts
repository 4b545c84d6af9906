import { JinjaProgram } from './program.ts';

/** What interpreters of Jinja differ in; every case was compared with Jinja2 under transformers' settings. */

const render = (text: string, variables: Record<string, unknown> = {}) => new JinjaProgram(text).render(variables);

test.each<[what: string, template: string, text: string]>([
  [
    'constants are written as Python does',
    '{{ none }} {{ true }} {{ 1.0 }} {{ 1 / 2 }} {{ 10 ** 2 }}',
    'None True 1.0 0.5 100',
  ],
  ['lists and dictionaries too', `{{ ["it's", none, {'a': 1.5}, ('x', 1)] }}`, `["it's", None, {'a': 1.5}, ('x', 1)]`],
  [
    'a variable of a turn is gone in the next',
    '{% for i in [1, 2] %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}',
    '12',
  ],
  ['what a turn wrote before a break stays', '{% for i in [1, 2] %}a{% break %}b{% endfor %}', 'a'],
  ['a loop over nothing is empty', '{% for i in nothing %}{{ i }}{% else %}none{% endfor %}', 'none'],
  ['values of different types differ', "{{ '1' == 1 }}{{ none == nothing }}{{ [1] == [1] }}", 'FalseFalseTrue'],
  ['text has code points', "{{ 'a🙂b' | length }}{{ 'a🙂b'[1] }}{{ 'a🙂b'[::-1] }}", '3🙂b🙂a'],
  [
    'a macro sees where it stands',
    '{% macro f() %}{{ y }}{% endmacro %}{% for y in [5] %}[{{ f() }}]{% endfor %}',
    '[]',
  ],
  ['a method goes before a key', "{% set d = {'items': 1} %}{{ d['items'] }}{{ d.items() | list }}", "1[('items', 1)]"],
  ['tests take arguments', '{{ 9 is divisibleby(3) }}{{ 9 is divisibleby 2 }}{{ 1 is not in [1] }}', 'TrueFalseFalse'],
  ['line ends are newlines', '{% if true %}\r\na\rb\r\n{% endif %}\r\n', 'a\nb\n'],
  ['a byte order mark is text', '\ufeff{%- if true -%} a {%- endif -%}', '\ufeffa'],
  ['blocks take their line with them', 'a\n  {% if true %}\n  b\n  {% endif %}\nc', 'a\n  b\nc'],
  ['a plus sign keeps the white space', 'a\n {%+ if true %}b{% endif +%}\nc', 'a\n b\nc'],
  ['tags may have braces and quotes', `{{ '%}' }}{{ "}}" }}{{ {'a': {'b': 1}}['a']['b'] }}`, '%}}}1'],
  ['raw text', '{% raw %}{{ x }}{% endraw %}', '{{ x }}'],
  ['generation blocks are a scope', '{% generation %}{% set z = 1 %}{{ z }}{% endgeneration %}{{ z }}', '1'],
  ['JSON is as Python writes it', `{{ {'é': [1, 1.5], 'n': none} | tojson }}`, '{"é": [1, 1.5], "n": null}'],
  ['JSON with an indent', `{{ {'a': [1], 'b': {}} | tojson(indent=1) }}`, '{\n "a": [\n  1\n ],\n "b": {}\n}'],
])('%s', (_what, template, text) => {
  expect(render(template)).toBe(text);
});

test.each<[what: string, template: string, message: RegExp]>([
  ['a key of what is undefined', '{{ nothing.key }}', /'nothing' is undefined/],
  ['adding to what is undefined', "{{ nothing + 'a' }}", /'nothing' is undefined/],
  ['adding a number to text', "{{ 'a' + 1 }}", /unsupported operand type\(s\) for \+: 'str' and 'int'/],
  ['a loop over none', '{% for x in none %}{% endfor %}', /'NoneType' object is not iterable/],
  ['changing a list', '{% set x = [] %}{{ x.append(1) }}', /append\(\) of a list changes it/],
  ['JSON of what is undefined', '{{ nothing | tojson }}', /Undefined is not JSON serializable/],
  ['an unknown filter', '{{ 1 | nonsense }}', /no filter named "nonsense"/],
  ['a range without end', '{{ range(1000000000) }}', /more than 100000/],
  ['what the template says', "{{ raise_exception('roles must alternate') }}", /^roles must alternate$/],
])('%s is an error', (_what, template, message) => {
  expect(() => render(template)).toThrow(message);
});

test('variables are JSON values, whatever their names', () => {
  const value = JSON.parse('{"__proto__": {"x": 1}, "constructor": [true]}');
  expect(render('{{ v }}{{ v.__proto__.x }}{{ v.constructor[0] }}{{ v.toString }}', { v: value })).toBe(
    "{'__proto__': {'x': 1}, 'constructor': [True]}1True",
  );
});
