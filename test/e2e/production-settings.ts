import { parseArgs } from 'node:util';
import type { RunSize } from './settings.ts';

export interface ProductionSettings extends RunSize {
  readonly namespace: string;
  /** Where Kafka and the hub are. */
  readonly outside: string;
  readonly certificates: 'generated' | 'cert-manager';
  readonly build: boolean;
  readonly keep: boolean;
}

const HELP = `The chart as in production, on a real Kubernetes: Kafka outside of the release with TLS and SCRAM, the model from a hub that wants a token
and cuts connections, mutual TLS and tokens between the services, NetworkPolicies, horizontal autoscaling by CPU. Wrong secrets and digests are
told by name, a corrected upgrade mends them, and the adapter must equal that of one process to the bit. Needs kubectl and
helm on the PATH, KUBECONFIG, and metrics-server in the cluster.

  --certificates S    generated (default), or cert-manager, which must be in the cluster
  --namespace NAME    made for the trial and removed after it (default: alphapo-e2e-production); another one, NAME-outside, too
  --steps N           optimizer steps (default: 300)
  --pairs-per-step N  (default: 16)
  --no-build          the images are there already
  --keep              leave everything in the cluster

E2E_LOAD_IMAGE        as for "npm run e2e"`;

/** The trial's settings from the command line; undefined where only help was asked for. */
export function productionSettingsOf(args: readonly string[]): ProductionSettings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      certificates: { type: 'string', default: 'generated' },
      namespace: { type: 'string', default: 'alphapo-e2e-production' },
      steps: { type: 'string', default: '300' },
      'pairs-per-step': { type: 'string', default: '16' },
      'no-build': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  const { certificates, namespace } = values;
  if (certificates !== 'generated' && certificates !== 'cert-manager') {
    throw new Error('--certificates is generated or cert-manager');
  }
  return {
    ...{ certificates, namespace, outside: `${namespace}-outside` },
    steps: Number(values.steps),
    pairsPerStep: Number(values['pairs-per-step']),
    build: !values['no-build'],
    keep: values.keep,
  };
}
