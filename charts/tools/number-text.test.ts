import { runSettingsSchema } from '@alphapo/contracts';
import { z } from 'zod';
import { orAsText, type Schema } from './number-text.ts';

/** Texts as `--set` and `--set-string` hand them over. */
const NUMBERS = ['0', '1', '10', '007', '0.5', '.25', '1.', '2.50', '1e-6', '5E-7', '1.5e3', '0.0', '-0.5', '-3'];
const OTHERS = [
  '',
  ' ',
  'big',
  '0,5',
  '1_000',
  '0x10',
  '1e',
  'e5',
  '.',
  '-',
  'NaN',
  'Infinity',
  '1 0',
  '5%',
  '<steps>',
];

const { properties = {} } = z.toJSONSchema(runSettingsSchema, { target: 'draft-7', io: 'input' });
const numbers = Object.entries(properties as Record<string, Schema>).filter(
  ([, { type }]) => type === 'number' || type === 'integer',
);

test('there are numbers among the settings', () => {
  expect(numbers.length).toBeGreaterThan(20);
});

test.each(numbers)('policy.%s takes as text what it takes as a number, and nothing that is none', (key, schema) => {
  const { pattern } = orAsText(schema) as { pattern: string };
  const setting = runSettingsSchema.shape[key as keyof typeof runSettingsSchema.shape];
  const taken = (text: string) => new RegExp(pattern).test(text);
  expect(OTHERS.filter(taken)).toEqual([]);
  // Bounds other than 0 and 1 are left to the job that checks the settings.
  const checkedLater = new Map([
    ['maxLength', ['1']],
    ['labelSmoothing', ['0.5', '0.7']],
  ]);
  for (const text of [...NUMBERS, '0.7'].filter((text) => !checkedLater.get(key)?.includes(text))) {
    // An integer as text is digits: 1.5e3 is one as a number only.
    const isWritten = schema.type === 'number' || /^\d+$/.test(text);
    expect({ text, taken: taken(text) }).toEqual({ text, taken: isWritten && setting.safeParse(Number(text)).success });
  }
});

test('what is no number stays as it is', () => {
  expect(orAsText({ type: 'boolean' })).toEqual({ type: 'boolean' });
});
