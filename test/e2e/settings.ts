import { parseArgs } from 'node:util';
import { choiceOf, TRIAL_HELP, type TrialSettings, trialOptions, trialSettingsOf } from './options.ts';

const AUTOSCALING = ['builtin', 'keda', 'none'] as const;
const MODEL = ['claim', 'image'] as const;

export interface Settings extends TrialSettings {
  readonly autoscaling: (typeof AUTOSCALING)[number];
  /** Where pods have the model from. */
  readonly model: (typeof MODEL)[number];
}

const HELP = `A run on a real Kubernetes, from zero and back to zero: images, chart, a trial broker, pairs, two scorers, pods deleted in the
middle; its adapter must equal that of one process to the bit. Needs kubectl and helm on the PATH and KUBECONFIG.

  --autoscaling MODE  builtin (default), none, or keda, which must be in the cluster (test/kubernetes/keda/install.sh)
  --model SOURCE      claim (default), or image: an image volume, for which cluster and runtime must be new enough
  --namespace NAME    made for the trial and removed after it (default: alphapo-e2e)
  --steps N           optimizer steps (default: 200; with few the run ends before the upgrade)
${TRIAL_HELP}

E2E_LOAD_IMAGE        command that brings an image to the cluster, {} in place of its name, such as
                      'kind load docker-image {}'; unset: the cluster finds the images by itself`;

/** The trial's settings from the command line; undefined where only help was asked for. */
export function settingsOf(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      autoscaling: { type: 'string', default: 'builtin' },
      model: { type: 'string', default: 'claim' },
      ...trialOptions('alphapo-e2e', 200),
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  return {
    ...trialSettingsOf(values),
    autoscaling: choiceOf('autoscaling', values.autoscaling, AUTOSCALING),
    model: choiceOf('model', values.model, MODEL),
  };
}
