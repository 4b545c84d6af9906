import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { IMAGE_NAMES, imageReference, RELEASED_TARGETS } from '../charts/tools/image-names.ts';
import { packageChart } from './chart.ts';
import { currentVersion, ROOT, versionsOf } from './version.ts';

export interface ReleaseOptions {
  /** Folder of the artefacts; made where it is missing. */
  readonly out: string;
  readonly images: boolean;
  readonly allowDirty: boolean;
}

const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 28 });

/**
 * Writes chart, protos, software bill of materials and, if asked for, images, with SHA256SUMS. Returns their names. Throws where
 * something is not committed, or a version differs.
 */
export function makeRelease({ out, images, allowDirty }: ReleaseOptions): readonly string[] {
  const version = currentVersion();
  requireOneVersion(version);
  if (!allowDirty && run('git', 'status', '--porcelain').trim() !== '') {
    throw new Error('there are changes that are not committed: commit them, or give --allow-dirty');
  }
  const folder = resolve(out);
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new Error(`--out ${out}: is not empty`);
  packageChart(version, folder);
  writeFileSync(join(folder, `alphapo-${version}.cdx.json`), billOfMaterials());
  run(
    'git',
    'archive',
    '--format=tar.gz',
    `--prefix=alphapo-proto-${version}/`,
    `--output=${join(folder, `alphapo-proto-${version}.tar.gz`)}`,
    'HEAD:proto',
  );
  if (images) for (const target of RELEASED_TARGETS) saveImage(target, version, folder);
  return withChecksums(folder);
}

function requireOneVersion(version: string): void {
  const others = versionsOf().filter((one) => one.version !== version);
  if (others.length === 0) return;
  const lines = others.map((other) => `${other.place} says ${other.version}`);
  throw new Error(
    `the version is ${version}, but\n${lines.join('\n')}\nnpm run release -- --version ${version} mends them`,
  );
}

interface Component {
  readonly 'bom-ref': string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

/** CycloneDX, of what the services run with. `npm sbom --omit dev` would leave out what tests depend on as well. */
function billOfMaterials(): string {
  const all = JSON.parse(run('npm', 'sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'));
  const components = (all.components as Component[]).filter(({ properties = [] }) =>
    properties.every(({ name, value }) => name !== 'cdx:npm:package:development' || value !== 'true'),
  );
  const kept = new Set([all.metadata.component['bom-ref'], ...components.map((component) => component['bom-ref'])]);
  const dependencies = (all.dependencies as { ref: string; dependsOn: string[] }[])
    .filter(({ ref }) => kept.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => kept.has(other)) }));
  return `${JSON.stringify({ ...all, components, dependencies }, undefined, 2)}\n`;
}

function saveImage(target: string, version: string, folder: string): void {
  run('npm', 'run', '--silent', 'images', '--', '--target', target, '--tag', version);
  const reference = imageReference(target, version);
  const archive = join(folder, `${IMAGE_NAMES[target]}-${version}.oci.tar`);
  run('buildah', 'push', reference, `oci-archive:${archive}:${reference}`);
}

function withChecksums(folder: string): readonly string[] {
  const files = readdirSync(folder).sort();
  const sums = files.map(
    (file) =>
      `${createHash('sha256')
        .update(readFileSync(join(folder, file)))
        .digest('hex')}  ${file}\n`,
  );
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
  return [...files, 'SHA256SUMS'];
}
