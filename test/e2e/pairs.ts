/** Pairs as people write them: a question, an answer that helps, and one that does not. Seeded, so that runs can be compared. */

const TOPICS = [
  'bread',
  'rain',
  'maps',
  'clocks',
  'rivers',
  'bees',
  'paper',
  'glass',
  'salt',
  'wind',
  'stairs',
  'lamps',
];
const QUESTIONS = ['How do I explain % to a child?', 'What should I know about %?', 'Can you help me with %?'];
const GOOD = [
  'Sure. Start with what one can see of %, then tell why.',
  'Gladly: % is easier than it looks, step by step.',
];
const BAD = ['No.', 'Look % up yourself.', 'I would rather talk about something else than %.'];

/** Prompts as JSON lines, one with a right answer. */
export function promptLines(): string {
  const prompts = QUESTIONS.map((question) => ({ prompt: question.replace('%', 'rain') }));
  return [...prompts, { prompt: 'What is 2 and 2?', answer: { number: 4 } }]
    .map((prompt) => `${JSON.stringify(prompt)}\n`)
    .join('');
}

/** So many pairs as JSON lines. */
export function pairLines(count: number, seed = 7): string {
  let state = seed;
  const pick = <T>(from: readonly T[]): T => {
    // The minimal standard generator of Park and Miller.
    state = (state * 48_271) % 2_147_483_647;
    return from[state % from.length] as T;
  };
  const lines = Array.from({ length: count }, (_, i) => {
    const topic = pick(TOPICS);
    const about = (text: string) => text.replace('%', topic);
    const pair = {
      id: `pair-${i}`,
      prompt: about(pick(QUESTIONS)),
      chosen: about(pick(GOOD)),
      rejected: about(pick(BAD)),
    };
    return JSON.stringify(pair);
  });
  return `${lines.join('\n')}\n`;
}
