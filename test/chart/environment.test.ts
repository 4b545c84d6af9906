import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeHelm, podsOf, type Resource, render } from './helm.ts';
import { VARIANTS } from './variants.ts';

/** What the chart tells the services is what they listen to. */

const ROOT = join(import.meta.dirname, '../..');

/** All that services and libraries say, tests left out. */
function sources(): string {
  const files = ['services', 'libs'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes('node_modules'))
      .map((path) => join(ROOT, folder, path)),
  );
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

describeHelm('environment variables of the chart', () => {
  test.each(VARIANTS)('are ones that some service reads: %s', (_, values, files) => {
    const variables = podsOf(render(values, files))
      .filter(({ name }) => !name.endsWith('-kafka'))
      .flatMap(({ spec }) => spec.containers)
      .flatMap(({ env }: Resource) => (env ?? []).map(({ name }: Resource) => name))
      .filter((name: string) => /^(ALPHAPO|KAFKA)_/.test(name));
    const known = new Set(sources().match(/\b(ALPHAPO|KAFKA)_\w+/g));
    expect(variables.length).toBeGreaterThan(20);
    expect([...new Set(variables)].filter((name) => !known.has(name))).toEqual([]);
  });
});
