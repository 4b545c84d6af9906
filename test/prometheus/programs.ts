import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HELM, isOnPath } from '../chart/helm.ts';

/** Prometheus and promtool: where install.sh puts them, or on the PATH. */

const FETCHED = join(import.meta.dirname, '../../node_modules/.cache/prometheus');

const programOf = (name: string): string => (existsSync(join(FETCHED, name)) ? join(FETCHED, name) : name);

export const PROMETHEUS = programOf('prometheus');
const PROMTOOL = programOf('promtool');

const missing = [
  ...[PROMETHEUS, PROMTOOL].filter((program) => !isOnPath(program, '--version')),
  ...(isOnPath(HELM) ? [] : ['helm']),
];

/** A `describe` for tests that need Prometheus and the rendered chart. Without them they are skipped, and the name says so. */
export function describePrometheus(name: string, tests: () => void): void {
  if (missing.length === 0) describe(name, tests);
  else
    describe.skip(
      `${name} (skipped: no ${missing.join(', ')}; run test/prometheus/install.sh, test/chart/install.sh)`,
      tests,
    );
}

/** What promtool says; throws with it where it objects. */
export function promtool(args: readonly string[]): string {
  try {
    return execFileSync(PROMTOOL, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${stdout}${stderr}`);
  }
}
