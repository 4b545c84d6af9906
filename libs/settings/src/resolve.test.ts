import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { readSettingsFile } from './file.ts';
import { refuseUnknownSettings, resolveSettings } from './resolve.ts';
import type { Settings } from './setting.ts';

const SETTINGS = {
  model: { schema: z.string(), description: 'model folder', variable: 'ALPHAPO_MODEL' },
  lingerMs: { schema: z.int().nonnegative().default(7), description: 'a wait' },
  merging: { schema: z.boolean().default(true), description: 'a choice' },
  fields: { schema: z.array(z.string()).default([]), description: 'names' },
} as const satisfies Settings;

async function fileOf(text: string) {
  const path = join(await temporaryFolder(), 's.yaml');
  await writeFile(path, text);
  return readSettingsFile(path);
}

test('options win over variables, variables over the file, the file over the default', async () => {
  const file = await fileOf('model: of-file\nlinger-ms: 1\nfields: [a, b]\n');
  const environment = { ALPHAPO_MODEL: 'of-environment' };
  expect(resolveSettings(SETTINGS, { file, environment, options: { model: 'of-options', lingerMs: '2' } })).toEqual({
    model: 'of-options',
    lingerMs: 2,
    merging: true,
    fields: ['a', 'b'],
  });
  expect(resolveSettings(SETTINGS, { file, environment })).toMatchObject({ model: 'of-environment', lingerMs: 1 });
  expect(resolveSettings(SETTINGS, { file })).toMatchObject({ model: 'of-file' });
  expect(resolveSettings(SETTINGS, { environment })).toMatchObject({ lingerMs: 7, fields: [] });
});

test.each([
  ['off', false],
  ['ON', true],
  ['false', false],
])('text is read as a truth: %s', (merging, expected) => {
  expect(resolveSettings(SETTINGS, { options: { model: 'm', merging } }).merging).toBe(expected);
});

test('all mistakes are said at once, each with its place', async () => {
  const file = await fileOf('linger-ms: -1\n');
  const sources = { file, options: { merging: 'maybe' } };
  let message = '';
  try {
    resolveSettings(SETTINGS, sources);
  } catch (error) {
    expect(error).toMatchObject({ reason: 'INVALID_CONFIGURATION', metadata: { variable: 'ALPHAPO_MODEL' } });
    message = (error as Error).message;
  }
  const lines = message.split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^ALPHAPO_MODEL \(model folder\) is missing: give --model or ALPHAPO_MODEL or "model"/);
  expect(lines[2]).toMatch(/s\.yaml:1: linger-ms \(a wait\): -1 /);
  expect(lines[1]).toMatch(/^--merging \(a choice\): "maybe" /);
});

test('mistakes of a file come in the order of its lines', async () => {
  const file = await fileOf('model: m\nfields: 5\nmerging: maybe\nlinger-ms: -1\n');
  expect(() => resolveSettings(SETTINGS, { file })).toThrow(/yaml:2: fields .*yaml:3: merging .*yaml:4: linger-ms /s);
});

test.each([
  ['model: { a: b }', 'expected text, found a mapping'],
  ['model: [a]', 'expected text, found a list'],
  ['linger-ms: [1]', 'expected a number, found a list'],
  ['merging: { a: 1 }', 'expected true or false, found a mapping'],
  ['fields: { a: 1 }', 'expected a list, found a mapping'],
  ['choice: [a]', 'expected one of a, b, found a list'],
])('what was found is named, and what was expected: %s', async (text, problem) => {
  const settings = { ...SETTINGS, choice: { schema: z.enum(['a', 'b']).optional(), description: 'a choice' } };
  const file = await fileOf(`${text}\n`);
  expect(() => resolveSettings(settings, { file, options: text.startsWith('model') ? {} : { model: 'm' } })).toThrow(
    problem,
  );
});

test('a key of the file that no setting has is refused, with the one that is meant', async () => {
  const file = await fileOf('model: m\nlingr-ms: 1\n');
  expect(() => refuseUnknownSettings(file, SETTINGS)).toThrow(
    /s\.yaml:2: lingr-ms: no such setting\. Did you mean linger-ms\?/,
  );
  expect(() => refuseUnknownSettings(file, SETTINGS, () => 'means something else')).toThrow(/: means something else$/);
});
