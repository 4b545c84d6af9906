import { parseArgs } from 'node:util';

/** How much is trained. */
export interface RunSize {
  readonly steps: number;
  readonly pairsPerStep: number;
}

export interface Settings extends RunSize {
  readonly autoscaling: 'builtin' | 'none';
  readonly namespace: string;
  readonly build: boolean;
  readonly keep: boolean;
}

const HELP = `A run on a real Kubernetes, from zero and back to zero: images, chart, a trial broker, pairs, two scorers, pods deleted in the
middle; its adapter must equal that of one process to the bit. Needs kubectl and helm on the PATH and KUBECONFIG.

  --autoscaling MODE  builtin (default) or none
  --namespace NAME    made for the trial and removed after it (default: alphapo-e2e)
  --steps N           optimizer steps (default: 200; with few the run ends before the upgrade)
  --pairs-per-step N  (default: 16)
  --no-build          the images are there already
  --keep              leave everything in the cluster

E2E_LOAD_IMAGE        command that brings an image to the cluster, {} in place of its name, such as
                      'kind load docker-image {}'; unset: the cluster finds the images by itself`;

/** The trial's settings from the command line; undefined where only help was asked for. */
export function settingsOf(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      autoscaling: { type: 'string', default: 'builtin' },
      namespace: { type: 'string', default: 'alphapo-e2e' },
      steps: { type: 'string', default: '200' },
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
  const { autoscaling, namespace } = values;
  if (autoscaling !== 'builtin' && autoscaling !== 'none') throw new Error('--autoscaling is builtin or none');
  return {
    autoscaling,
    namespace,
    steps: Number(values.steps),
    pairsPerStep: Number(values['pairs-per-step']),
    build: !values['no-build'],
    keep: values.keep,
  };
}
