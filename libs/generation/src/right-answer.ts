import { z } from 'zod';

const pattern = z.string().transform((source, context) => {
  try {
    return new RegExp(source, 'su');
  } catch (error) {
    context.addIssue({ code: 'custom', message: `is no regular expression: ${(error as Error).message}` });
    return z.NEVER;
  }
});

const oneRightAnswer = z.union([
  z.string().transform((exact) => ({ exact })),
  z.strictObject({ exact: z.string() }),
  z.strictObject({ prefix: z.string().min(1) }),
  z.strictObject({ regex: pattern }),
  z.strictObject({ number: z.number() }),
]);

/**
 * What counts as a right answer: the text itself, or `{"exact"}`, `{"prefix"}`, `{"regex"}` or `{"number"}`; in a list, any of them.
 */
export const rightAnswerSchema = z.union([
  oneRightAnswer.transform((one) => [one]),
  z.array(oneRightAnswer).nonempty(),
]);

export type RightAnswer = z.infer<typeof rightAnswerSchema>;

/**
 * Whether a text is a right answer. White space at both ends does not count, and any white space is as good as a blank. A
 * number is compared with the last one in the text, thousands separators removed; a regular expression may match anywhere.
 */
export function isRight(text: string, right: RightAnswer): boolean {
  const answer = plain(text);
  return right.some((one) => {
    if ('exact' in one) return answer === plain(one.exact);
    if ('prefix' in one) return answer.startsWith(plain(one.prefix));
    if ('regex' in one) return one.regex.test(text);
    return lastNumber(text) === one.number;
  });
}

const plain = (text: string): string => text.trim().replace(/\s+/gu, ' ');

const NUMBER = /(?<![\p{L}\d])-?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?/giu;

function lastNumber(text: string): number | undefined {
  const found = text.match(NUMBER)?.at(-1);
  return found === undefined ? undefined : Number(found.replaceAll(',', ''));
}
