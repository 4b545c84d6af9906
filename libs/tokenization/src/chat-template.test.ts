import { byteTokenizer } from './byte-tokenizer.fixture.ts';
import { JinjaTemplate } from './chat-template.ts';

const messages = [
  { role: 'system', content: 'Be kind.' },
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello' },
];

const rendered = async (chatTemplate: string, addGenerationPrompt: boolean) =>
  (await byteTokenizer({ chatTemplate })).chatTemplate.render(messages, { addGenerationPrompt });

test('plain is a transcript in the form of the HH data', async () => {
  expect(await rendered('plain', false)).toBe('Be kind.\n\nHuman: Hi\n\nAssistant: Hello');
  expect(await rendered('plain', true)).toBe('Be kind.\n\nHuman: Hi\n\nAssistant: Hello\n\nAssistant:');
});

test('chatml has a mark before and after each message', async () => {
  const conversation = messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`).join('');
  expect(await rendered('chatml', false)).toBe(conversation);
  expect(await rendered('chatml', true)).toBe(`${conversation}<|im_start|>assistant\n`);
});

test("a model's template is that of its file, else that of its configuration, else plain; and it says which", async () => {
  const file = { 'chat_template.jinja': 'file' };
  const named = [
    { name: 'rag', template: 'rag' },
    { name: 'default', template: 'named' },
  ];
  const text = async (fixture: Parameters<typeof byteTokenizer>[0]) => {
    const { chatTemplate } = await byteTokenizer(fixture);
    return [chatTemplate.source, chatTemplate.render(messages, { addGenerationPrompt: false })];
  };
  expect(await text({ files: file, config: { chat_template: 'configuration' } })).toEqual(['model', 'file']);
  expect(await text({ config: { chat_template: 'configuration' } })).toEqual(['model', 'configuration']);
  expect(await text({ config: { chat_template: named } })).toEqual(['model', 'named']);
  expect(await text({ config: { chat_template: undefined } })).toEqual(['fallback', await rendered('plain', false)]);
  expect(await text({ chatTemplate: 'plain' })).toEqual(['built-in', await rendered('plain', false)]);
});

test('an invalid template is an error', () => {
  expect(() => new JinjaTemplate('{% for %}', 'file', {})).toThrow(
    expect.objectContaining({ code: 'failed-precondition', reason: 'TEMPLATE_INVALID' }),
  );
});

test('the date is fixed, so that a record gives the same tokens every day', () => {
  const text =
    "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}, {{ strftime_now('%A, %Y-%m-%d') }}{% endif %}";
  const template = new JinjaTemplate(text, 'file', {});
  expect(template.render([], { addGenerationPrompt: false })).toBe('26 Jul 2024, Friday, 2024-07-26');
});

test.each([
  "{{ messages['__proto__'] }}{{ messages.__proto__ }}{{ messages[0].__proto__ }}",
  "{{ messages.constructor }}{{ messages['constructor'] }}{{ ''.constructor }}{{ (1).constructor }}",
  '{{ range.constructor }}{{ range.prototype }}{{ messages.append.constructor }}{{ namespace.constructor }}',
  '{{ process }}{{ globalThis }}{{ require }}{{ this }}{{ self }}{{ __proto__ }}{{ constructor }}',
  '{{ strftime_now.constructor }}{{ messages[0].keys.constructor }}{{ toString }}{{ hasOwnProperty }}',
])('a template cannot reach objects of the program: %s', (text) => {
  expect(new JinjaTemplate(`(${text})`, 'file', {}).render(messages, { addGenerationPrompt: true })).toBe('()');
});

test('a template that goes on from there is refused', () => {
  const text = '{{ messages.constructor.constructor("return process")() }}';
  expect(() => new JinjaTemplate(text, 'file', {}).render(messages, { addGenerationPrompt: true })).toThrow(
    expect.objectContaining({ code: 'invalid-argument', reason: 'TEMPLATE_REFUSED' }),
  );
});
