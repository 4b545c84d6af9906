import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { makeRelease } from '../../release/artefacts.ts';
import { changesOf } from '../../release/changes.ts';
import { currentVersion, versionsOf } from '../../release/version.ts';
import { describeHelm } from '../chart/helm.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('the product has one version', () => {
  expect(versionsOf().length).toBeGreaterThan(50);
  expect(versionsOf().filter(({ version }) => version !== currentVersion())).toEqual([]);
});

test('the changes of a version are its section of the changelog, as plain text', () => {
  const changelog = `# Changelog

## [Unreleased]

### Added

- Later.

## [0.2.0]

### Added

- \`alphapo inspect\` shows
  records. ([docs/records.md](docs/records.md))

### Fixed

- [Links](docs/links.md) work.
`;
  expect(changesOf(changelog, '0.2.0')).toEqual([
    { kind: 'added', description: 'alphapo inspect shows records.' },
    { kind: 'fixed', description: 'Links work.' },
  ]);
  expect(changesOf(changelog, '0.3.0')).toEqual([{ kind: 'added', description: 'Later.' }]);
});

describeHelm('a release', () => {
  test('has the chart, the protos and the bill of materials, with their checksums', async () => {
    const out = join(await temporaryFolder(), 'dist');
    const version = currentVersion();
    const files = makeRelease({ out, images: false, allowDirty: true });
    expect(files).toEqual([
      `alphapo-${version}.cdx.json`,
      `alphapo-${version}.tgz`,
      `alphapo-proto-${version}.tar.gz`,
      'SHA256SUMS',
    ]);
    const checked = execFileSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: out, encoding: 'utf8' });
    expect(checked.match(/: OK$/gm)?.length).toBe(3);
    const { components } = JSON.parse(readFileSync(join(out, `alphapo-${version}.cdx.json`), 'utf8'));
    const names = components.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['onnxruntime-node', 'kafkajs', 'zod']));
    expect(names).not.toContain('jest');
    const chart = execFileSync('tar', ['-xzOf', join(out, `alphapo-${version}.tgz`), 'alphapo/Chart.yaml'], {
      encoding: 'utf8',
    });
    const { annotations } = parse(chart);
    expect(parse(annotations['artifacthub.io/images'])).toContainEqual({
      name: 'scorer-cuda',
      image: `docker.io/library/alphapo-cuda:${version}`,
    });
    expect(parse(annotations['artifacthub.io/changes'])[0]).toEqual({ kind: 'added', description: expect.any(String) });
    expect(() => makeRelease({ out, images: false, allowDirty: true })).toThrow(/not empty/);
  });
});
