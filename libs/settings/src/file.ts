import { readFile } from 'node:fs/promises';
import { AlphapoError, messageOf } from '@alphapo/base';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { camelCase, kebabCase } from './names.ts';

/** A few dozen settings; the parser's time grows with the square of the nesting. */
const MAX_CHARACTERS = 2 ** 16;

/** What a YAML or JSON file sets, keys in camel case. */
export interface SettingsFile {
  readonly values: Readonly<Record<string, unknown>>;
  /** Where and how a key is written: `run.yaml:3: learning-rate`. */
  placeOf(key: string): string;
}

/** Errors: INVALID_CONFIG_FILE with the line. */
export async function readSettingsFile(file: string): Promise<SettingsFile> {
  const lines = new LineCounter();
  const document = parseDocument(await readSettingsText(file), { lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) {
    const [problem = ''] = error.message.split(/ at line \d+/);
    throw invalidFile(`${file}:${lines.linePos(error.pos[0]).line}`, problem, error);
  }
  const { contents } = document;
  if (!isMap(contents)) throw invalidFile(file, 'must be a mapping of settings, such as "learning-rate: 5e-6"');
  const written = new Map<string, { readonly name: string; readonly place: string }>();
  for (const { key } of contents.items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    const place = `${file}:${lines.linePos(key.range?.[0] ?? 0).line}`;
    const twice = written.get(camelCase(name));
    if (twice !== undefined) throw invalidFile(place, `${name} is already set as ${twice.name}; remove one of them`);
    written.set(camelCase(name), { name, place });
  }
  const values = asValues(file, () => document.toJS());
  return {
    values: Object.fromEntries(Object.entries(values).map(([key, value]) => [camelCase(key), value])),
    placeOf(key) {
      const { place = file, name = kebabCase(key) } = written.get(key) ?? {};
      return `${place}: ${name}`;
    },
  };
}

async function readSettingsText(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw invalidFile(file, messageOf(error), error);
  }
  if (text.length <= MAX_CHARACTERS) return text;
  throw invalidFile(file, `has more than ${MAX_CHARACTERS} characters; is it the right file?`);
}

/** Aliases may grow beyond what the parser allows. */
function asValues(file: string, read: () => unknown): Record<string, unknown> {
  try {
    return read() as Record<string, unknown>;
  } catch (error) {
    throw invalidFile(file, messageOf(error), error);
  }
}

function invalidFile(place: string, problem: string, cause?: unknown): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_CONFIG_FILE', `${place}: ${problem}`, { cause });
}
