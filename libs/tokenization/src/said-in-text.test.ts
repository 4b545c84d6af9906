import { readFile } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import { type Json, type Message, type Preference, parsePreference } from '@alphapo/data';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { byteTokenizer } from './byte-tokenizer.fixture.ts';
import { tokenizePreference } from './index.ts';

const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string | null, more: Partial<Message> = {}): Message => ({
  role: 'assistant',
  content,
  ...more,
});
const call = (city: string): Json => ({ type: 'function', function: { name: 'get_weather', arguments: { city } } });

const ALL = '{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}';
const WITH_CALLS = `{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.reasoning_content }}{{ m.content }}{{ m.tool_calls | tojson if m.tool_calls }}{% endfor %}`;
/** As Qwen 3 does: reasoning is moved into tags, and left out of turns that are over. */
const THINKING = `{% for m in messages %}{% set content = m.content %}{% set reasoning = m.reasoning_content or '' %}
{%- if '</think>' in content %}{% set reasoning = content.split('</think>')[0].split('<think>')[-1].strip() %}{% set content = content.split('</think>')[-1].lstrip() %}{% endif %}
{{- '<' + m.role + '>' }}{% if m.role == 'assistant' and loop.last %}{{ '<think>\n' + reasoning + '\n</think>\n\n' }}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`;

interface Given {
  readonly prompt?: readonly Message[];
  readonly chosen?: readonly Message[];
  readonly rejected?: readonly Message[];
  readonly tools?: readonly Json[];
}

async function outcome(template: string, { prompt = [user('Hi')], chosen, rejected, tools }: Given) {
  const tokenizer = await byteTokenizer({ files: { 'chat_template.jinja': template } });
  const preference: Preference = {
    kind: 'messages',
    prompt,
    chosen: chosen ?? [assistant('yes')],
    rejected: rejected ?? [assistant('no')],
    ...(tools === undefined ? {} : { tools }),
  };
  const made = tokenizePreference(tokenizer, preference, { maxLength: 4096, maxPromptLength: 4000 });
  return made.ok ? 'made' : [made.reason, made.field];
}

test.each<[what: string, template: string, given: Given]>([
  ['a template that writes everything', ALL, {}],
  [
    'white space that a template trims',
    '{% for m in messages %}{{ m.content | trim }};{% endfor %}',
    { chosen: [assistant(' a \n\n b \n')] },
  ],
  [
    'contents that a template writes as JSON',
    '{% for m in messages %}{{ m.content | tojson }}{% endfor %}',
    { chosen: [assistant('say "hi"\né')] },
  ],
  [
    'calls of tools, and tools',
    WITH_CALLS,
    { chosen: [assistant(null, { tool_calls: [call('Oslo')] })], tools: [call('x')] },
  ],
  ['reasoning that a template moves into tags', THINKING, { chosen: [assistant('<think>six sevens</think>42')] }],
  ['reasoning in a field of its own', THINKING, { chosen: [assistant('42', { reasoning_content: 'six sevens' })] }],
  [
    'reasoning of turns that are over, which a template leaves out',
    THINKING,
    { prompt: [user('a'), assistant('<think>well</think>b'), user('c')] },
  ],
  [
    'an invitation to think that the response begins with',
    `${ALL}{% if add_generation_prompt %}[assistant] <think>{% endif %}`,
    { chosen: [assistant('<think>x</think>y')] },
  ],
])('accepts %s', async (_what, template, given) => {
  expect(await outcome(template, given)).toBe('made');
});

const ENDS = '{{ messages[0].content }}{{ messages[-1].content if messages | length > 1 }}';
const WITHOUT_SYSTEM = "{% for m in messages if m.role != 'system' %}[{{ m.content }}]{% endfor %}";
const R1 = "{% for m in messages %}[{{ m.content.split('</think>')[-1] }}]{% endfor %}";

test.each<[what: string, template: string, given: Given, reason: string, field: string]>([
  [
    'reasoning in the response',
    R1,
    { chosen: [assistant('<think>six</think>42')] },
    'TEMPLATE_DROPS_RESPONSE',
    'chosen[0].content',
  ],
  [
    'reasoning in a field',
    ALL,
    { rejected: [assistant('48', { reasoning_content: 'a guess' })] },
    'TEMPLATE_DROPS_RESPONSE',
    'rejected[0].reasoning_content',
  ],
  [
    'a call of a tool',
    ALL,
    { chosen: [assistant('Looking.', { tool_calls: [call('Oslo')] })] },
    'TEMPLATE_DROPS_RESPONSE',
    'chosen[0].tool_calls[0]',
  ],
  [
    'a message before the last',
    ENDS,
    { prompt: [user('a')], chosen: [assistant('b'), user('c'), assistant('d')] },
    'TEMPLATE_DROPS_RESPONSE',
    'chosen[0].content',
  ],
  [
    'one of two messages that say the same',
    ENDS,
    { prompt: [user('a')], chosen: [assistant('b'), assistant('b')] },
    'TEMPLATE_DROPS_RESPONSE',
    'chosen[1].content',
  ],
  [
    'the system message',
    WITHOUT_SYSTEM,
    { prompt: [{ role: 'system', content: 'Rhyme.' }, user('a')] },
    'TEMPLATE_DROPS_MESSAGE',
    'prompt[0].content',
  ],
  [
    'a call in the prompt',
    ALL,
    { prompt: [user('a'), assistant('b', { tool_calls: [call('Oslo')] }), { role: 'tool', content: '9C' }] },
    'TEMPLATE_DROPS_MESSAGE',
    'prompt[1].tool_calls[0]',
  ],
  ['tools', ALL, { tools: [call('x')] }, 'TEMPLATE_DROPS_TOOLS', 'tools'],
  [
    'one tool of two',
    `{{ tools[0].function.name if tools }}${ALL}`,
    { tools: [call('x'), { function: { name: 'other' } }] },
    'TEMPLATE_DROPS_TOOLS',
    'tools[1]',
  ],
])('refuses a template that drops %s, with its field', async (_what, template, given, reason, field) => {
  expect(await outcome(template, given)).toEqual([reason, field]);
});

describeShared('records and templates as people have them', () => {
  test('a template that cuts reasoning is refused where there is some', async () => {
    const path = (name: string) => sharedPath('cases/06-template-drops-reasoning', name) as string;
    const template = await readFile(path('r1.jinja'), 'utf8');
    const lines = (await readFile(path('pairs.jsonl'), 'utf8')).trim().split('\n');
    const outcomes = await Promise.all(lines.map((line) => outcome(template, JSON.parse(line))));
    expect(outcomes).toEqual([
      ['TEMPLATE_DROPS_RESPONSE', 'chosen[0].content'],
      ['TEMPLATE_DROPS_RESPONSE', 'chosen[0].content'],
      'made',
    ]);
  });

  test('calls, tools and reasoning reach the template', async () => {
    const path = (name: string) => sharedPath('cases/04-tool-calls', name) as string;
    const template = await readFile(path('tool.jinja'), 'utf8');
    const lines = (await readFile(path('pairs.jsonl'), 'utf8')).trim().split('\n');
    const outcomes = await Promise.all(lines.map((line) => outcome(template, JSON.parse(line))));
    expect(outcomes).toEqual(['made', 'made', 'made', 'made', 'made']);
  });
});

test('whole floats of a record are floats in the text, also after they went to another process', async () => {
  const calls = '[{"function":{"name":"f","arguments":{"ratio":1.0,"count":1}}}]';
  const tools = '[{"name":"f","ratio":{"default":2.0}}]';
  const said = `[{"role":"assistant","content":"x","tool_calls":${calls}}]`;
  const record = `{"prompt":"p","chosen":${said},"rejected":[{"role":"assistant","content":"y"}],"tools":${tools}}`;
  const parsed = parsePreference(record);
  const tokenizer = await byteTokenizer({ files: { 'chat_template.jinja': WITH_CALLS } });
  const limits = { maxLength: 4096, maxPromptLength: 4000 };
  const text = (preference: Preference) => {
    const made = tokenizePreference(tokenizer, preference, limits);
    if (!made.ok) throw new Error(made.message);
    return [made.pair.prompt, made.pair.chosen]
      .map((ids) => tokenizer.decode(ids, { skipSpecialTokens: false }))
      .join('');
  };
  if (!parsed.ok) throw new Error(parsed.message);
  for (const preference of [parsed.preference, deserialize(serialize(parsed.preference)) as Preference]) {
    expect(text(preference)).toContain('"ratio": {"default": 2.0}');
    expect(text(preference)).toContain('{"ratio": 1.0, "count": 1}');
  }
});
