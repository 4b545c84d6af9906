import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVALUATION, evaluationSettings } from './evaluations.ts';
import { IMAGE, KAFKA_IMAGE, MODEL_IMAGE, TAG } from './images.ts';
import type { RunSize } from './options.ts';
import type { Settings } from './settings.ts';

const CHART = join(import.meta.dirname, '../../charts/alphapo');

export const RELEASE = 'e2e';
export const NAME = `${RELEASE}-alphapo`;
export const RUN_NAME = 'trial';
export const MODEL_CLAIM = 'model';
/** Folder of the model on its volume, or in its image. */
export const MODEL_PATH = 'tiny';
/** The label of pods that may call the services and Kafka. */
export const CLIENT = { [`${NAME}-client`]: 'true' };

/** Annotation of pods that were made by the upgrade in the middle of the run. */
export const CHANGED = 'alphapo.dev/changed';

/** The settings of the run, as the chart's `policy` and as the file of `alphapo train`. */
export function policyOf({ steps, pairsPerStep }: RunSize): Readonly<Record<string, unknown>> {
  return { steps, 'batch-size': pairsPerStep, shards: 4, 'learning-rate': 0.003, 'lora-rank': 4, 'max-length': 256 };
}

/** Installs the chart for the trial, or changes every pod of it in the middle of the run: another request and an annotation. */
export function upgradeTrial(settings: Settings, change: 'none' | 'all-pods' = 'none'): void {
  const memory = change === 'none' ? '192Mi' : '200Mi';
  const podAnnotations = change === 'none' ? {} : { [CHANGED]: 'yes' };
  const pods = { resources: { requests: { cpu: '50m', memory }, limits: { memory: '1Gi' } }, podAnnotations };
  upgrade(settings.namespace, ['values-trial.yaml'], valuesOf(settings, pods), ['--wait', '--timeout', '5m']);
}

/** What Helm says of an install whose path on the model's claim is wrong; the release stays to be mended. */
export function refusalOfPath(settings: Settings, path: string): string {
  const pods = { resources: { requests: { cpu: '50m', memory: '192Mi' } } };
  const values = { ...valuesOf(settings, pods), model: { existingClaim: { name: MODEL_CLAIM, path } } };
  try {
    upgrade(settings.namespace, ['values-trial.yaml'], values, ['--timeout', '5m']);
  } catch (error) {
    return String(error);
  }
  throw new Error(`NOT SO: the path "${path}" is refused`);
}

/** The chart's values for the trial. */
function valuesOf(settings: Settings, pods: object): object {
  return {
    image: { repository: IMAGE, tag: TAG, pullPolicy: 'Never' },
    policy: policyOf(settings),
    run: { name: RUN_NAME },
    model:
      settings.model === 'claim'
        ? { existingClaim: { name: MODEL_CLAIM, path: MODEL_PATH } }
        : { image: { reference: `${MODEL_IMAGE}:${TAG}`, path: MODEL_PATH, pullPolicy: 'Never' } },
    chatTemplate: { name: 'plain' },
    kafka: { trial: { image: { repository: KAFKA_IMAGE, tag: TAG, pullPolicy: 'Never' } } },
    autoscaling: { mode: settings.autoscaling, cooldownSeconds: 45, scorer: { maxReplicas: 2 } },
    tokenizer: pods,
    // One thread, as the run that it is compared with.
    scorer: { ...pods, settings: { threads: 1 }, replicas: 2 },
    optimizer: { ...pods, settings: evaluationSettings(settings) },
    sampler: { ...pods, enabled: true, settings: { threads: 1, cacheMib: 64 } },
    evaluation: EVALUATION,
    autoscaler: pods,
  };
}

/** Installs the chart, or upgrades it where it is there; files are the chart's own. Throws with what Helm says. */
export function upgrade(
  namespace: string,
  files: readonly string[],
  values: object,
  options: readonly string[] = [],
): void {
  const folder = mkdtempSync(join(tmpdir(), 'alphapo-e2e-'));
  try {
    const file = join(folder, 'values.json');
    writeFileSync(file, JSON.stringify(values));
    const given = [...files.map((name) => join(CHART, name)), file].flatMap((path) => ['-f', path]);
    helm(namespace, 'upgrade', '--install', RELEASE, CHART, ...given, ...options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What Helm prints. Throws with what it complains of, and with what failed hooks said. */
export function helm(namespace: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('helm', ['-n', namespace, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`helm ${args[0]}: ${stdout}${stderr}`);
  return stdout;
}

/** What Helm told whoever installed the chart. */
export const notes = (namespace: string): string => helm(namespace, 'get', 'notes', RELEASE);
