import { BUILT_IN_TEMPLATES } from './built-in-templates.ts';
import { JinjaTemplate } from './chat-template.ts';
import { turnsOf } from './turns.ts';

const of = (text: string) => turnsOf(new JinjaTemplate(text, 'file', { bos_token: '<s>', eos_token: '</s>' }));
const builtIn = (name: string) => of(BUILT_IN_TEMPLATES.get(name) as string);

test('ChatML is the same around every message', () => {
  expect(builtIn('chatml')).toEqual({
    kind: 'turns',
    turns: {
      start: '<|im_start|>user\n',
      system: { start: '<|im_start|>system\n', end: '<|im_end|>\n<|im_start|>user\n' },
      answer: '<|im_end|>\n<|im_start|>assistant\n',
      nextUser: '<|im_end|>\n<|im_start|>user\n',
      end: '<|im_end|>\n<|im_start|>assistant\n',
      trims: false,
    },
  });
});

test('a default system message is part of the start', () => {
  const template = `{% if messages[0].role != 'system' %}[sys]default[/sys]{% endif %}${BUILT_IN_TEMPLATES.get('chatml')}`;
  expect(of(template)).toMatchObject({ kind: 'turns', turns: { start: '[sys]default[/sys]<|im_start|>user\n' } });
});

/** As Mistral's: the system message stands within the first user message. */
const NESTED = `{{ bos_token }}{%- set ns = namespace(system='') -%}
{%- for m in messages -%}
{%- if m.role == 'system' -%}{%- set ns.system = m.content + '\\n\\n' -%}
{%- elif m.role == 'user' -%}{{ '[INST] ' + ns.system + m.content + '[/INST]' }}{%- set ns.system = '' -%}
{%- else -%}{{ ' ' + m.content + eos_token }}{%- endif -%}
{%- endfor -%}`;

test('a system message within the first user message', () => {
  expect(of(NESTED)).toMatchObject({
    kind: 'turns',
    turns: {
      start: '<s>[INST] ',
      system: { start: '<s>[INST] ', end: '\n\n' },
      answer: '[/INST] ',
      nextUser: '</s>[INST] ',
      end: '[/INST]',
    },
  });
});

test('a template that refuses system messages has none', () => {
  const template = `{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}${BUILT_IN_TEMPLATES.get('chatml')}`;
  expect(of(template)).toMatchObject({ kind: 'turns', turns: { system: undefined } });
});

test('white space that is removed is told', () => {
  const template = '{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</>{% endfor %}<assistant>';
  expect(of(template)).toMatchObject({ kind: 'turns', turns: { trims: true } });
});

test.each([
  ['numbers its messages', '{% for m in messages %}{{ loop.index }}{{ m.role }}: {{ m.content }}\n{% endfor %}'],
  ['looks into messages', "{% for m in messages %}{{ m.role }}: {{ m.content.split('\"')[0] }}\n{% endfor %}"],
  ['leaves messages out', '{{ messages[-1].content }}'],
  ['refuses conversations', "{{ raise_exception('no') }}"],
  ['loses a system message', "{% for m in messages if m.role != 'system' %}{{ m.content | upper }}{% endfor %}"],
])('a template that %s is irregular', (_what, template) => {
  expect(of(template)).toMatchObject({ kind: 'irregular', example: expect.stringContaining('user: ') });
});
