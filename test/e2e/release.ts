import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IMAGE, KAFKA_IMAGE, TAG } from './images.ts';
import type { Settings } from './settings.ts';

const CHART = join(import.meta.dirname, '../../charts/alphapo');

export const RELEASE = 'e2e';
export const NAME = `${RELEASE}-alphapo`;
export const RUN_NAME = 'trial';
export const MODEL_CLAIM = 'model';
/** Folder of the model on its volume. */
export const MODEL_PATH = 'tiny';
/** The label of pods that may call the services and Kafka. */
export const CLIENT = { [`${NAME}-client`]: 'true' };

/** The settings of the run, as the chart's `policy` and as the file of `alphapo train`. */
export function policyOf({ steps, pairsPerStep }: Settings): Readonly<Record<string, unknown>> {
  return { steps, 'batch-size': pairsPerStep, shards: 4, 'learning-rate': 0.003, 'lora-rank': 4, 'max-length': 256 };
}

/** The chart's values for the trial. */
function valuesOf(settings: Settings): object {
  const small = { resources: { requests: { cpu: '50m', memory: '192Mi' }, limits: { memory: '1Gi' } } };
  return {
    image: { repository: IMAGE, tag: TAG, pullPolicy: 'Never' },
    policy: policyOf(settings),
    run: { name: RUN_NAME },
    model: { existingClaim: { name: MODEL_CLAIM, path: MODEL_PATH } },
    chatTemplate: { name: 'plain' },
    kafka: { trial: { image: { repository: KAFKA_IMAGE, tag: TAG, pullPolicy: 'Never' } } },
    autoscaling: { mode: settings.autoscaling, cooldownSeconds: 45, scorer: { maxReplicas: 2 } },
    tokenizer: small,
    // One thread, as the run that it is compared with.
    scorer: { ...small, threads: 1, replicas: 2 },
    optimizer: small,
    autoscaler: small,
  };
}

/** Installs the chart, or upgrades it where it is there. Throws with what Helm says. */
export function upgrade(settings: Settings, values: object = valuesOf(settings)): void {
  const folder = mkdtempSync(join(tmpdir(), 'alphapo-e2e-'));
  try {
    const file = join(folder, 'values.json');
    writeFileSync(file, JSON.stringify(values));
    const files = ['-f', join(CHART, 'values-trial.yaml'), '-f', file];
    helm(settings, 'upgrade', '--install', RELEASE, CHART, ...files, '--wait', '--timeout', '5m');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function helm({ namespace }: Settings, ...args: string[]): void {
  execFileSync('helm', ['-n', namespace, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}
