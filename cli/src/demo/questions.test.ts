import { questions } from './questions.ts';

test('each chosen answer is right and each rejected one wrong', () => {
  for (const { prompt, chosen, rejected } of questions(500, 3)) {
    const answer = /^It is (\w+)\.$/;
    const [right, wrong] = [answer.exec(chosen)?.[1], answer.exec(rejected)?.[1]];
    const number = /^Is (\d+) even/.exec(prompt)?.[1];
    const lastOf = /^Last letter of (\w+)\?/.exec(prompt)?.[1];
    const expected = number === undefined ? lastOf?.at(-1) : ['even', 'odd'][Number(number) % 2];
    expect(right).toBe(expected);
    expect(wrong).not.toBe(expected);
  }
});

test('the same seed gives the same questions, and no prompt comes twice', () => {
  expect(questions(300, 5)).toEqual(questions(300, 5));
  expect(new Set(questions(300, 5).map(({ prompt }) => prompt)).size).toBe(300);
});
