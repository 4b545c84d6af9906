import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The one version of the product: that of package.json at the top. All others follow it. */

export const ROOT = join(import.meta.dirname, '..');

const SEMVER = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

export const currentVersion = (): string => JSON.parse(read('package.json')).version;

/** Files that carry the version, and what each says. */
export function versionsOf(): readonly { readonly place: string; readonly version: string }[] {
  const packages = packageFiles().flatMap((file) => {
    const { version, dependencies = {} } = JSON.parse(read(file));
    const own = Object.entries(dependencies as Record<string, string>).filter(([name]) => name.startsWith('@alphapo/'));
    return [
      { place: file, version },
      ...own.map(([name, pinned]) => ({ place: `${file}: ${name}`, version: pinned.replace(/^\^/, '') })),
    ];
  });
  const chart = read('charts/alphapo/Chart.yaml');
  const ofChart = ['version', 'appVersion'].map((key) => ({
    place: `charts/alphapo/Chart.yaml: ${key}`,
    version: new RegExp(`^${key}: "?([^"\\n]+)`, 'm').exec(chart)?.[1] ?? '',
  }));
  return [...packages, ...ofChart];
}

/** Writes a version everywhere. Throws where it is no semantic version. */
export function setVersion(version: string): void {
  if (!SEMVER.test(version)) throw new Error(`--version ${version}: write it as 1.2.3`);
  for (const file of packageFiles()) {
    const text = read(file)
      .replace(/^( {2}"version": ")[^"]+/m, `$1${version}`)
      .replace(/("@alphapo\/[a-z]+": ")\^?[^"]+/g, `$1${version}`);
    writeFileSync(join(ROOT, file), text);
  }
  const chart = read('charts/alphapo/Chart.yaml').replace(/^(version|appVersion): .*$/gm, `$1: ${version}`);
  writeFileSync(join(ROOT, 'charts/alphapo/Chart.yaml'), chart);
  execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: ROOT });
}

const packageFiles = () => [
  'package.json',
  ...globSync('{libs,services}/*/package.json', { cwd: ROOT }),
  'cli/package.json',
];
