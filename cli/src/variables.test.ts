import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { knownEnvironment } from './variables.ts';

const ROOT = join(import.meta.dirname, '../..');

const files = globSync(['{cli,libs,services,test,bench}/**/*.{ts,js,sh}', 'charts/**/*.{tpl,yaml}', 'docs/*.md'], {
  cwd: ROOT,
  exclude: (path) => /node_modules|variables\.test\.ts$|[\\/](src[\\/]generated|resolve\.test\.ts)/.test(String(path)),
});

const names = [
  ...new Set(
    files.flatMap((file) => readFileSync(join(ROOT, file), 'utf8').match(/\bALPHAPO_[A-Z0-9_]*[A-Z0-9]\b/g) ?? []),
  ),
];

test('variables that the repository reads, sets or documents are known', () => {
  expect(names.length).toBeGreaterThan(40);
  for (const name of names) process.env[name] ??= '';
  expect(() => knownEnvironment()).not.toThrow();
});
