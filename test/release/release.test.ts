import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRelease } from '../../release/artefacts.ts';
import { currentVersion, versionsOf } from '../../release/version.ts';
import { describeHelm } from '../chart/helm.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('the product has one version', () => {
  expect(versionsOf().length).toBeGreaterThan(50);
  expect(versionsOf().filter(({ version }) => version !== currentVersion())).toEqual([]);
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
    expect(() => makeRelease({ out, images: false, allowDirty: true })).toThrow(/not empty/);
  });
});
