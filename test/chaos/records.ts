import { seededRandom } from '@alphapo/base';

/** A line of the data, and whether it can be trained on. */
export interface DataLine {
  readonly bytes: Buffer;
  readonly good: boolean;
}

/** Of so many records, about one is bad. */
const BAD_EVERY = 12;
const MAX_FILLER_WORDS = 12;
const WORDS = ['one', 'zwei', 'trois', '四', 'пять', 'sechs', 'siete', '🙂', 'nine'];

/** What applications get wrong: each is a dead letter with a reason of its own. */
const BAD: readonly (string | Uint8Array)[] = [
  '{"prompt": "cut off',
  '[]',
  '{"prompt":"a","chosen":"","rejected":"b"}',
  '{"prompt":"a","chosen":"same","rejected":"same"}',
  '{"prompt":"a","chosen":"b"}',
  '{"prompt":7,"chosen":"b","rejected":"c"}',
  new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
];

/** `pairs` pairs that can be trained on, in several of the shapes that people have, and bad records among them. */
export function generatedRecords(seed: number, pairs: number): DataLine[] {
  const random = seededRandom(seed);
  const lines: DataLine[] = [];
  for (let i = 0; i < pairs; i++) {
    const filler = Array.from({ length: random.below(MAX_FILLER_WORDS) }, () => WORDS[random.below(WORDS.length)]);
    const prompt = `After ${filler.join(' ')} comes ${i}:`;
    lines.push({ bytes: Buffer.from(JSON.stringify(pairInShape(i, prompt))), good: true });
    while (random.below(BAD_EVERY) === 0) {
      lines.push({ bytes: Buffer.from(BAD[random.below(BAD.length)] as string), good: false });
    }
  }
  return lines;
}

function pairInShape(i: number, prompt: string): object {
  const [chosen, rejected] = [` ${i + 1}`, ` ${i} and ${i}`];
  if (i % 3 === 0) return { prompt, chosen, rejected };
  if (i % 3 === 1) return { id: `pair-${i}`, prompt, chosen, rejected };
  const user = { role: 'user', content: prompt };
  const answer = (content: string) => [user, { role: 'assistant', content }];
  return { chosen: answer(chosen), rejected: answer(rejected) };
}
