/** Templates that use one feature each, where implementations of Jinja are known to differ. */
export const FEATURES: Readonly<Record<string, string>> = {
  'line ends of Windows': '{% for m in messages %}\r\n{{ m.role }}: {{ m.content }}\r\n{% endfor %}\r\nend\r\n',
  'line ends of old': '{% for m in messages %}\r- {{ m.content }}\r{% endfor %}',
  'byte order mark': '\ufeff{%- for m in messages -%}{{ m.content }}{%- endfor -%}',
  'white space control':
    ' a {%- if true -%} b {%- endif %} c \n  {% if true %}\n  d\n  {% endif %}\n {#- note -#} \n e {{- " f " -}} g\n\n',
  'white space kept': 'a\n  {%+ if true %}b{% endif +%}\n c {#+ x +#}\n{{ 1 }}\n\n',
  'a tag within quotes': "{{ '%}' }}{{ \"}}\" }}{% set x = '{% if %}' %}{{ x }}{{ {'a': {'b': 1}}['a']['b'] }}",
  raw: '{% raw %}{{ not this }}{% endraw %} x {%- raw -%}  {% y %} {%- endraw -%} z',
  'names of constants': '{{ none }}{{ None }}{{ true }}{{ True }}{{ false }}|{{ messages[0].nothing }}|{{ tools }}',
  numbers:
    '{{ 1 }} {{ 1.0 }} {{ 1/2 }} {{ 7//2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2**10 }} {{ 2**-1 }} {{ 0.1 + 0.2 }} {{ 10 / 5 }}',
  'lists and dictionaries':
    "{{ messages }}{{ [1, 'a', none, true, 1.5] }}{{ {'k': \"it's\", 'n': '\\n'} }}{{ ('a', 1) }}",
  'special tokens':
    '{{ bos_token }}{{ eos_token }}{{ pad_token }}|{{ unk_token }}|{{ sep_token }}|{{ cls_token is defined }}{{ eos_token + pad_token }}',
  'an undefined special token': "{{ sep_token + 'x' }}",
  'a key of what is undefined': '{{ messages[0].nothing.more }}',
  'an index beyond': '{{ messages[99] }}|{{ messages[99] is defined }}|{{ messages[-1].content }}',
  'adding text and numbers': "{{ 'a' + 1 }}",
  'adding none': "{{ 'a' + none }}",
  'joining anything': "{{ 'a' ~ 1 ~ none ~ true ~ nothing ~ 1.5 }}",
  'a loop over nothing': '{% for x in nothing %}x{% else %}none{% endfor %}{% for c in "ab🙂" %}[{{ c }}]{% endfor %}',
  'a loop over none': '{% for x in none %}x{% endfor %}',
  'scope of loops':
    '{% set seen = false %}{% for m in messages %}{{ seen }}{% set seen = true %}{{ seen }}{% endfor %}{{ seen }}',
  'state between turns':
    '{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{% endfor %}{{ ns.n }}',
  'a break after text':
    '{% for m in messages %}a{{ loop.index }}{% break %}b{% endfor %}{% for m in messages %}c{% if loop.first %}{% continue %}{% endif %}d{% else %}e{% endfor %}',
  'the loop':
    '{% for m in messages %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem.role if not loop.first }}{{ loop.nextitem is defined }}{{ loop.cycle("x", "y") }}{% endfor %}',
  'a loop with a condition': '{% for m in messages if m.role == "user" %}{{ loop.index }}{{ m.content }}{% endfor %}',
  'a loop over pairs':
    '{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}{% for k in messages[0] %}{{ k }}{% endfor %}',
  macros:
    "{% macro say(what, mark='!', n) %}{{ what }}{{ mark }}{{ n }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ say('a') }}{{ say('b', '?', 1, 2, x=3) }}",
  'scope of macros':
    '{% set x = 1 %}{% macro f() %}{{ x }}{{ y }}{% endmacro %}{% for y in [5] %}{{ f() }}{% endfor %}{% set x = 2 %}{{ f() }}',
  'a macro with a caller': '{% macro box() %}[{{ caller() }}]{% endmacro %}{% call box() %}in{% endcall %}',
  'a set block': '{% set x %}a{{ 1 }}{% set y = 2 %}{% endset %}{{ x }}{{ x | length }}{{ y }}',
  generation:
    '{% for m in messages %}{% if m.role == "assistant" %}{% generation %}\n{{ m.content }}{% set z = 1 %}{% endgeneration %}\n{% else %}{{ m.content }}{% endif %}{% endfor %}{{ z }}',
  'a filter block': '{% filter upper %}abc {{ messages[0].role }}{% endfilter %}',
  json: '{{ messages | tojson }}\n{{ tools | tojson(indent=2) }}\n{{ tools | tojson(ensure_ascii=True) }}{{ {"b": 1.0, "a": [true, none, {}], "é": "<&>\\"\\u2028"} | tojson(sort_keys=true, separators=(",", ":")) }}',
  'json of nothing': '{{ nothing | tojson }}',
  'methods of text':
    "{{ ' a b  c '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'a-b-c'.split('-', 1) }}|{{ ' a  b '.split() }}|{{ 'a b c'.rsplit(None, 1) }}|{{ 'abc'.startswith(('x', 'a')) }}|{{ 'a.b'.replace('.', '!', 1) }}|{{ 'ab'.find('b') }}|{{ 'hello world'.title() }}|{{ 'hELLO'.capitalize() }}|{{ 'a\\nb\\r\\nc'.splitlines() }}|{{ 'abab'.count('ab') }}|{{ ', '.join(['x', 'y']) }}|{{ '12'.isdigit() }}|{{ 'a/b/c'.rpartition('/') }}|{{ 'abc'.removeprefix('ab') }}|{{ '🙂a'.upper() }}",
  slices:
    "{{ 'abcdef'[1:4] }}{{ 'abcdef'[::-1] }}{{ 'a🙂b'[1] }}{{ 'a🙂b' | length }}{{ [1, 2, 3, 4][-2:] }}{{ [1, 2, 3][::2] }}{{ messages[1:] | length }}",
  comparing:
    "{{ 1 == 1.0 }}{{ '1' == 1 }}{{ [1, [2]] == [1, [2]] }}{{ none == nothing }}{{ true == 1 }}{{ 'a' < 'b' }}{{ 1 < 2.5 }}{{ {'a': 1} == {'a': 1} }}{{ 'x' in 'xyz' }}{{ 2 in [1, 2] }}{{ 'role' in messages[0] }}{{ 'q' not in nothing }}",
  'comparing what has no order': "{{ 'a' < 1 }}",
  tests:
    "{{ 1 is number }}{{ true is number }}{{ true is integer }}{{ 'a' is string }}{{ {} is mapping }}{{ [] is iterable }}{{ 'a' is iterable }}{{ {} is sequence }}{{ none is none }}{{ nothing is undefined }}{{ 4 is even }}{{ 9 is divisibleby(3) }}{{ 9 is divisibleby 3 }}{{ 1 is in [1, 2] }}{{ 1 is not in [1, 2] }}{{ 'A' is upper }}{{ 1 is eq 1 }}{{ none is not none }}",
  filters:
    "{{ ' x ' | trim }}|{{ [3, 1, 2] | sort }}|{{ ['b', 'A'] | sort }}|{{ [1, 2] | join('-') }}|{{ 'abc' | first }}|{{ [1, 2] | last }}|{{ nothing | default('d') }}|{{ '' | default('d', true) }}|{{ nothing | length }}|{{ 'a b' | title }}|{{ '3.7' | int }}|{{ 'x' | int(5) }}|{{ '2.5' | float }}|{{ -3 | abs }}|{{ [1, 1, 2] | unique | list }}|{{ {'b': 1, 'a': 2} | dictsort }}|{{ 'ab' | reverse }}|{{ 'a\\n\\nb' | indent(2) }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'aXb' | replace('X', '-') }}|{{ [1, 2] | sum }}|{{ 1.5 | string }}|{{ 'abc' | list }}|{{ messages[0] | items | list }}",
  'filters with attributes':
    "{{ messages | map(attribute='role') | join(',') }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | rejectattr('role', 'eq', 'user') | map(attribute='content') | list }}{{ ['a', 'b'] | map('upper') | list }}{{ [1, none, 2] | select | list }}{{ [1, 2, 3] | select('odd') | list }}{{ messages | selectattr('tool_calls', 'defined') | list | length }}",
  'a method before a key': '{{ {"items": 1}["items"] }}{{ {"get": 5}.get("get") }}{{ {"x": 1}.y is defined }}',
  'changing a list': '{% set x = [] %}{{ x.append(1) }}{{ x }}',
  'an exception': "{{ raise_exception('no such role: ' + messages[0].role) }}",
  'the day': "{{ strftime_now('%d %b %Y') }} {{ strftime_now('%A, %Y-%m-%d %H:%M') }}",
  conditions:
    "{{ 'a' if false }}|{{ 'a' if messages else 'b' }}|{{ not messages }}|{{ nothing or 'x' }}|{{ 0 and 1 }}|{% if tools and tools | length > 0 %}t{% elif messages | length > 1 %}m{% else %}n{% endif %}",
  'an unknown filter': '{{ 1 | nonsense }}',
  'an unfinished tag': '{% if messages %}x',
  ranges: '{% for i in range(3) %}{{ i }}{% endfor %}{{ range(5, 1, -2) | list }}',
  'dictionaries made': "{{ dict(a=1, b='x') | tojson }}{{ dict([('k', 1)]) | tojson }}",
  'values of a set': '{% set a, b = 1, 2 %}{{ b }}{{ a }}{% set c = (1, 2) %}{{ c[1] }}',
};
