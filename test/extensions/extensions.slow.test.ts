import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Extension, OBJECTIVE, OPERATOR, SETTING } from './additions.ts';
import { RepositoryCopy } from './copy.ts';

/**
 * What CONTRIBUTING.md says of extensions is true: in a copy of the repository a throw-away objective, setting and operator take the
 * places that its table names, and then types and tests pass.
 */

const CONTRIBUTING = readFileSync(join(import.meta.dirname, '../../CONTRIBUTING.md'), 'utf8');

/** The files that the table names for an extension, with the placeholders filled in. */
function placesOf(extension: string, names: Readonly<Record<string, string>>): string[] {
  const [, files] = new RegExp(`^\\| \\[${extension}\\][^|]*\\| ([^|]*) \\|`, 'm').exec(
    CONTRIBUTING,
  ) as RegExpExecArray;
  return [...(files as string).matchAll(/`([^`]+)`/g)]
    .map(([, file]) => (file as string).replace(/<(\w+)>/g, (_, name: string) => names[name] as string))
    .sort();
}

const filesOf = ({ places }: Extension) => [...new Set(places.map(({ file }) => file))].sort();

test.each([
  ['objective', OBJECTIVE, { kind: 'probe' }],
  ['service setting', SETTING, { service: 'tokenizer' }],
  ['operator', OPERATOR, {}],
])('a new %s takes the places of the table', (name, extension, names) => {
  expect(filesOf(extension)).toEqual(placesOf(name, names));
});

async function copyWith({ places, tests }: Extension): Promise<RepositoryCopy> {
  const copy = await RepositoryCopy.make();
  for (const addition of [...places, ...tests]) copy.add(addition);
  return copy;
}

const jest = (copy: RepositoryCopy, ...patterns: string[]) =>
  copy.run('npm', 'run', '--silent', 'jest', '--', ...patterns);

test('a new objective computes, travels and is documented by its record', async () => {
  const copy = await copyWith(OBJECTIVE);
  copy.run('npm', 'run', '--silent', 'generate');
  copy.run('npm', 'run', '--silent', 'chart');
  copy.run('tsc', '-p', '.');
  jest(copy, 'libs/objectives', 'libs/contracts/src/objective');
  expect(copy.run('node24', 'cli/bin/alphapo.js', 'train', '--help')).toContain('probe');
  expect(copy.read('charts/alphapo/values.schema.json')).toContain('"probe"');
});

test('without its formula it does not compile', async () => {
  const copy = await copyWith({
    ...OBJECTIVE,
    places: OBJECTIVE.places.filter(({ file }) => !file.startsWith('libs/objectives/')),
  });
  copy.run('npm', 'run', '--silent', 'generate');
  expect(() => copy.run('tsc', '-p', '.')).toThrow(/libs\/objectives\/src\/objective\.ts.*probe/);
});

test('a new setting of a service is an option, a key of its file and a value of the chart', async () => {
  const copy = await copyWith(SETTING);
  copy.run('npm', 'run', '--silent', 'chart');
  copy.run('tsc', '-p', '.');
  expect(copy.run('node24', 'cli/bin/alphapo.js', 'serve', 'tokenizer', '--help')).toMatch(/--probe <number> +a trial/);
  const { properties } = JSON.parse(copy.read('charts/alphapo/values.schema.json'));
  expect(properties.tokenizer.properties.settings.properties.probe).toMatchObject({ minimum: 1, maximum: 7 });
  expect(copy.read('charts/alphapo/README.md')).toContain('| `tokenizer.settings.probe` | `3` | A trial. |');
  jest(copy, 'test/chart/generated', 'cli/src/help');
});

test('a new operator has a derivative that is compared with finite differences', async () => {
  const copy = await copyWith(OPERATOR);
  copy.run('tsc', '-p', '.');
  expect(jest(copy, 'libs/graph/src/derivatives', '--verbose')).not.toContain('failed');
});
