import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** What declares events: packages and services. */
const declarations = globSync('{libs,services}/*/src/events.ts', { cwd: ROOT });
const sources = globSync('{libs,services}/*/src/**/*.ts', { cwd: ROOT }).filter(
  (file) => !/(^|\/)events\.ts$|\.(test|fixture)\.ts$/.test(file),
);

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name as string);
const declared = declarations.flatMap((file) => matches(read(file), /^ {2}'([^']+)':/gm)).sort();

test('docs/events.md describes the events that the packages declare, and no others', () => {
  expect(declarations.length).toBeGreaterThan(6);
  expect(matches(read('docs/events.md'), /^\| `([^`]+)` \|/gm).sort()).toEqual(declared);
});

test('names of events are subject.happened, both in kebab-case', () => {
  const word = '[a-z]+(-[a-z]+)*';
  expect(declared.filter((name) => !new RegExp(`^${word}\\.${word}$`).test(name))).toEqual([]);
});

test('every declared event is logged somewhere', () => {
  const code = sources.map(read).join('\n');
  expect(declared.filter((name) => !code.includes(`'${name}'`))).toEqual([]);
});
