import { isRight, rightAnswerSchema } from './right-answer.ts';

const right = (written: unknown, text: string) => isRight(text, rightAnswerSchema.parse(written));

test.each([
  ['Paris', 'Paris', true],
  ['Paris', '  Paris\n', true],
  ['It is  even.', 'It is even.', true],
  ['Paris', 'Paris.', false],
  ['Paris', 'paris', false],
  [{ exact: 'Paris' }, 'Paris', true],
  [{ prefix: 'Paris' }, 'Paris, on the Seine', true],
  [{ prefix: 'Paris' }, 'It is Paris', false],
  [{ regex: '\\bParis\\b' }, 'It is Paris.', true],
  [{ regex: '^Paris$' }, 'It is Paris', false],
  [{ regex: 'a.b' }, 'a\nb', true],
  [{ number: 72 }, '48 + 24 = 72 clips', true],
  [{ number: 72 }, '72 is more than 24', false],
  [{ number: 1234.5 }, 'That makes $1,234.50.', true],
  [{ number: -3 }, 'the answer is -3', true],
  [{ number: 3 }, '10-3', true],
  [{ number: 3 }, 'three', false],
  [{ number: 0.5 }, 'about .5', true],
  [{ number: 1e-5 }, 'It is 1e-5.', true],
  [{ number: 2 }, '2 eggs', true],
  [{ number: 3 }, 'version 1.2.3', true],
  [['Paris', { prefix: 'The capital is Paris' }], 'The capital is Paris.', true],
  [['Paris', 'Lyon'], 'Nice', false],
])('%j: %j is right: %s', (written, text, expected) => {
  expect(right(written, text)).toBe(expected);
});

test.each([
  [{ suffix: 'x' }],
  [{ prefix: '' }],
  [{ regex: '(' }],
  [{ number: '7' }],
  [7],
  [[]],
  [{ exact: 'a', prefix: 'b' }],
])('%j says nothing about what is right', (written) => {
  expect(rightAnswerSchema.safeParse(written).success).toBe(false);
});
