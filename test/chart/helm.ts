import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { HELM } from '../../release/helm.ts';

/**
 * The chart as Helm renders it. Helm is looked for on the PATH, and where `install.sh` puts it; tests of the chart are skipped where it is
 * not there.
 */

export const CHART = join(import.meta.dirname, '../../charts/alphapo');
export { HELM };
export const RELEASE = 'trial';
export const NAMESPACE = 'models';
/** A Helm that was built without a version takes the cluster for an old one. */
const KUBERNETES_VERSION = '1.34.0';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Values = { readonly [key: string]: Json };

/** A resource of Kubernetes; fields are looked at as they are. */
// biome-ignore lint/suspicious/noExplicitAny: tests read single fields of any kind of resource
export type Resource = any;

/** Whether a program can be started. */
export const isOnPath = (name: string, harmless = 'version'): boolean =>
  spawnSync(name, [harmless], { stdio: 'ignore' }).error === undefined;

export function describeHelm(name: string, tests: () => void): void {
  if (isOnPath(HELM)) describe(name, tests);
  else describe.skip(`${name} (skipped: no helm on the PATH)`, tests);
}

/** The least values that the chart installs with. */
const MINIMAL: Values = {
  policy: { steps: 10 },
  model: { existingClaim: { name: 'model' } },
  kafka: { brokers: ['kafka:9092'] },
};

/** Calls Helm with a subcommand, the chart, MINIMAL and further values, which win. Throws with what Helm says. */
export function helm(
  command: readonly string[],
  values: Values = {},
  files: readonly string[] = [],
  chart: string = CHART,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'alphapo-chart-'));
  try {
    const all = [MINIMAL, values].map((content, i) => {
      const file = join(folder, `${i}.json`);
      writeFileSync(file, JSON.stringify(content));
      return file;
    });
    const order = [all[0] as string, ...files.map((file) => join(chart, file)), all[1] as string];
    const options = order.flatMap((file) => ['-f', file]);
    return execFileSync(HELM, [...command, chart, ...options], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    throw new Error(String((error as { stderr?: string }).stderr));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function template(values: Values = {}, files: readonly string[] = [], chart: string = CHART): string {
  const place = ['--namespace', NAMESPACE, '--kube-version', KUBERNETES_VERSION];
  return helm(['template', RELEASE, ...place], values, files, chart);
}

/** All resources that the chart comes to. */
export function render(values: Values = {}, files: readonly string[] = [], chart: string = CHART): Resource[] {
  return parseAllDocuments(template(values, files, chart)).flatMap((document) => document.toJS() ?? []);
}

/** What is said after an install. Helm says it with a cluster only: here a copy of the chart has it in a resource. */
export function notes(values: Values = {}): string {
  const chart = mkdtempSync(join(tmpdir(), 'alphapo-chart-'));
  try {
    cpSync(CHART, chart, { recursive: true });
    renameSync(join(chart, 'templates/NOTES.txt'), join(chart, 'notes.txt'));
    writeFileSync(
      join(chart, 'templates/notes.yaml'),
      `{ kind: Notes, metadata: { name: ${RELEASE}-alphapo-notes }, text: {{ tpl (.Files.Get "notes.txt") . | toJson }} }`,
    );
    return one(render(values, [], chart), 'Notes', 'notes').text;
  } finally {
    rmSync(chart, { recursive: true });
  }
}

/** The only resource of a kind and name (without the release's and the chart's). */
export function one(resources: readonly Resource[], kind: string, name: string): Resource {
  const found = resources.filter((r) => r.kind === kind && r.metadata.name === `${RELEASE}-alphapo-${name}`);
  if (found.length !== 1) throw new Error(`${found.length} resources ${kind} ${name}`);
  return found[0];
}

/** The templates of all pods, those of jobs and tests included. */
export function podsOf(
  resources: readonly Resource[],
): { readonly name: string; readonly spec: Resource; readonly metadata: Resource }[] {
  return resources.flatMap((r) => {
    if (r.kind === 'Pod') return [{ name: r.metadata.name, spec: r.spec, metadata: r.metadata }];
    const pod = r.spec?.template;
    return pod?.spec?.containers === undefined
      ? []
      : [{ name: r.metadata.name, spec: pod.spec, metadata: pod.metadata }];
  });
}

/** Environment variables of a workload's first container that have a plain value. */
export function environmentOf(workload: Resource): Record<string, string> {
  const variables: Resource[] = workload.spec.template.spec.containers[0].env ?? [];
  return Object.fromEntries(
    variables.filter(({ value }) => value !== undefined).map(({ name, value }) => [name, value]),
  );
}
