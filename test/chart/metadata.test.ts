import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { REPOSITORY } from '../../charts/tools/repository.ts';
import { CHART } from './helm.ts';

/** What Artifact Hub shows of the chart, and the links that readers of the packaged chart follow. */

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

const metadata = parse(read('charts/alphapo/Chart.yaml'));
const { license, repository } = JSON.parse(read('package.json'));

test('the chart names the repository and the license of package.json', () => {
  expect(repository.url).toBe(`git+${REPOSITORY}.git`);
  expect(metadata).toMatchObject({ home: REPOSITORY, sources: [REPOSITORY] });
  expect(metadata.maintainers).not.toEqual([]);
  expect(metadata.annotations).toMatchObject({
    'artifacthub.io/license': license,
    'artifacthub.io/category': 'ai-machine-learning',
  });
});

const documents = globSync('**/{*.md,*.yaml,NOTES.txt}', { cwd: CHART });

/** Addresses of files in the repository, by where they are given. */
const addresses = documents.flatMap((document) => {
  const text = readFileSync(join(CHART, document), 'utf8').replaceAll('{{ .Chart.Home }}', REPOSITORY);
  return [...text.matchAll(/https:\/\/[\w./-]+\/(?:blob|raw)\/[\w./-]+/g)].map(([url]) => [document, url] as const);
});

test.each(addresses)('%s gives the address of a file in the repository: %s', (_document, url) => {
  const [, path] = /^\/(?:blob|raw)\/main\/(.+)$/.exec(url.replace(REPOSITORY, '')) ?? [];
  expect({ path, exists: existsSync(join(ROOT, path ?? '')) }).toEqual({ path: expect.any(String), exists: true });
});

test.each(documents.filter((document) => document.endsWith('.md')))('%s links to files of the package', (document) => {
  const targets = [...readFileSync(join(CHART, document), 'utf8').matchAll(/\]\(([^)#]+)[^)]*\)/g)].flatMap(
    ([, target = '']) => (target.startsWith('https://') ? [] : [target]),
  );
  const places = targets.map((target) => join(CHART, document, '..', target));
  expect(places.filter((place) => !place.startsWith(`${CHART}/`) || !existsSync(place))).toEqual([]);
});
