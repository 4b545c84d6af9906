import { parseArgs } from 'node:util';
import { choiceOf, TRIAL_HELP, type TrialSettings, trialOptions, trialSettingsOf } from './options.ts';

const CERTIFICATES = ['generated', 'cert-manager'] as const;

export interface ProductionSettings extends TrialSettings {
  /** Where Kafka and the hub are. */
  readonly outside: string;
  readonly certificates: (typeof CERTIFICATES)[number];
  /** Whether KEDA takes over at the end. */
  readonly keda: boolean;
  /** Whether a Prometheus of the Prometheus Operator's scrapes the release. */
  readonly prometheus: boolean;
}

const HELP = `The chart as in production, on a real Kubernetes: Kafka outside of the release with TLS and SCRAM, the model from a hub that wants a token
and cuts connections, mutual TLS and tokens between the services, NetworkPolicies, horizontal autoscaling by CPU. Wrong secrets and digests are
told by name, a corrected upgrade mends them, and the adapter must equal that of one process to the bit. Needs kubectl and
helm on the PATH, KUBECONFIG, and metrics-server in the cluster.

  --certificates S    generated (default), or cert-manager, which must be in the cluster
  --keda              after the run KEDA, which must be in the cluster (test/kubernetes/keda/install.sh), takes all to zero
  --prometheus        a Prometheus scrapes all services; its operator must be in the cluster (test/kubernetes/prometheus-operator/install.sh)
  --namespace NAME    made for the trial and removed after it (default: alphapo-e2e-production); another one, NAME-outside, too
  --steps N           optimizer steps (default: 300)
${TRIAL_HELP}

E2E_LOAD_IMAGE        as for "npm run e2e"`;

/** The trial's settings from the command line; undefined where only help was asked for. */
export function productionSettingsOf(args: readonly string[]): ProductionSettings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      certificates: { type: 'string', default: 'generated' },
      keda: { type: 'boolean', default: false },
      prometheus: { type: 'boolean', default: false },
      ...trialOptions('alphapo-e2e-production', 300),
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  const certificates = choiceOf('certificates', values.certificates, CERTIFICATES);
  const { keda, prometheus, namespace } = values;
  return { ...trialSettingsOf(values), certificates, keda, prometheus, outside: `${namespace}-outside` };
}
