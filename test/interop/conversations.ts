import type { Message } from '@alphapo/data';

const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const system = (content: string): Message => ({ role: 'system', content });

/** 1.0, which Python tells from 1. */
const WHOLE = Object(1) as number;

const weather = {
  type: 'function',
  function: { name: 'get_weather', arguments: { city: 'Oslo', naïve: [1, 2.5, true, null, WHOLE] } },
};

/** JSON Schemas of tools as people write them. */
const TOOLS = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather at a place — "now" & <later>',
      parameters: {
        type: 'object',
        properties: {
          city: { type: 'string', description: 'a city' },
          unit: { type: 'string', enum: ['°C', '°F'] },
          days: { type: 'array', items: { type: 'integer' }, default: [] },
        },
        required: ['city'],
      },
      return: { type: 'string', description: 'what it is like' },
    },
  },
];

/** Conversations with what templates treat in ways of their own. */
export const CONVERSATIONS: Readonly<
  Record<string, { readonly messages: readonly Message[]; readonly tools?: typeof TOOLS }>
> = {
  'one turn': { messages: [user('Where is Oslo?')] },
  'with system': { messages: [system('Be terse.'), user('Where is Oslo?'), assistant('In Norway.')] },
  'many turns': {
    messages: [system('Be terse.'), user('Hi'), assistant('Hello'), user(' 2+2? '), assistant('4\n'), user('And 3+3?')],
  },
  'ends with response': { messages: [user('Hi'), assistant('Hello there.')] },
  'reasoning in text': {
    messages: [
      user('6*7?'),
      assistant('<think>\nsix sevens\n</think>\n\n42'),
      user('7*7?'),
      assistant('<think>more</think>49'),
    ],
  },
  'reasoning field': {
    messages: [
      user('6*7?'),
      { ...assistant('42'), reasoning_content: 'six sevens' },
      user('more?'),
      { ...assistant('yes'), reasoning_content: 'ok' },
    ],
  },
  'tool call': {
    messages: [
      user('Weather in Oslo?'),
      { role: 'assistant', content: null, tool_calls: [weather] },
      { role: 'tool', name: 'get_weather', tool_call_id: 'abcdefghi', content: '{"degrees": 9}' },
      assistant('9 degrees'),
    ],
    tools: TOOLS,
  },
  'tool call with text': {
    messages: [
      user('Weather?'),
      { role: 'assistant', content: 'Looking.', tool_calls: [{ id: 'abcdefghi', ...weather }] },
    ],
    tools: TOOLS,
  },
  'tools unused': { messages: [system('Help.'), user('Hi')], tools: TOOLS },
  unicode: { messages: [user('Grüße 你好 🙂 e\u0301 \u00a0x\u2003y \u200b\ufeff'), assistant('𝔘𝔫𝔦 \u0085 ok')] },
  empty: { messages: [user(''), assistant('')] },
  'line ends': { messages: [user('a\r\nb\rc\n'), assistant('\td\r\n')] },
  'special tokens in text': { messages: [user('<s>x</s> <|im_start|>y<|im_end|>'), assistant('<|endoftext|>')] },
  'two of a role': { messages: [user('a'), user('b'), assistant('c')] },
  'odd role': { messages: [{ role: 'narrator', content: 'Night fell.' }, user('a')] },
  'system in between': { messages: [user('a'), system('now in rhyme'), assistant('b')] },
};
