import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageReference, RELEASED_TARGETS } from '../charts/tools/image-names.ts';
import { changesOf } from './changes.ts';
import { HELM } from './helm.ts';
import { ROOT } from './version.ts';

/** Packages the chart into a folder, with the images and the changes of its version for Artifact Hub. */
export function packageChart(version: string, folder: string): void {
  const copy = mkdtempSync(join(tmpdir(), 'alphapo-chart-'));
  try {
    const chart = join(copy, 'alphapo');
    cpSync(join(ROOT, 'charts/alphapo'), chart, { recursive: true });
    // Chart.yaml ends with its annotations.
    appendFileSync(join(chart, 'Chart.yaml'), annotations(version));
    execFileSync(HELM, ['package', chart, '--destination', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function annotations(version: string): string {
  const images = RELEASED_TARGETS.map((target) => ({ name: target, image: imageReference(target, version) }));
  const changes = changesOf(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'), version);
  return annotation('images', images) + annotation('changes', changes);
}

/** Artifact Hub reads lists as YAML in a text. */
function annotation(name: string, entries: readonly object[]): string {
  const lines = entries.map((entry) => `    - ${JSON.stringify(entry)}\n`).join('');
  return `  artifacthub.io/${name}: |\n${lines}`;
}
