import { type Random, seededRandom } from '@alphapo/base';

/** A question with one right and one wrong answer; which is right can be checked by reading it. */
export interface Question {
  readonly id: string;
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

type Draft = Omit<Question, 'id'>;

function word(random: Random): string {
  return Array.from({ length: 3 + random.below(5) }, () => LETTERS[random.below(26)]).join('');
}

function parity(random: Random): Draft {
  const number = random.below(100_000);
  const [right, wrong] = number % 2 === 0 ? ['even', 'odd'] : ['odd', 'even'];
  return { prompt: `Is ${number} even or odd? `, chosen: `It is ${right}.`, rejected: `It is ${wrong}.` };
}

function lastLetter(random: Random): Draft {
  const text = word(random);
  const right = text.at(-1) as string;
  const others = LETTERS.replace(right, '');
  return {
    prompt: `Last letter of ${text}? `,
    chosen: `It is ${right}.`,
    rejected: `It is ${others[random.below(others.length)]}.`,
  };
}

/** `count` questions drawn from a seed; no prompt comes twice, so held-out questions are new ones. */
export function questions(count: number, seed: number): Question[] {
  const random = seededRandom(seed);
  const kinds = [parity, lastLetter];
  const seen = new Set<string>();
  const made: Question[] = [];
  for (let i = 0; made.length < count; i++) {
    const draft = (kinds[i % kinds.length] as (random: Random) => Draft)(random);
    if (seen.has(draft.prompt)) continue;
    seen.add(draft.prompt);
    made.push({ id: `question-${made.length + 1}`, ...draft });
  }
  return random.shuffle(made);
}
