/** Options that the trials on a cluster have in common. */

/** How much is trained. */
export interface RunSize {
  readonly steps: number;
  readonly pairsPerStep: number;
}

export interface TrialSettings extends RunSize {
  readonly namespace: string;
  readonly build: boolean;
  readonly keep: boolean;
}

/** The options, for `parseArgs`. */
export const trialOptions = (namespace: string, steps: number) =>
  ({
    namespace: { type: 'string', default: namespace },
    steps: { type: 'string', default: String(steps) },
    'pairs-per-step': { type: 'string', default: '16' },
    'no-build': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  }) as const;

/** What `--help` says of those that mean the same everywhere. */
export const TRIAL_HELP = `  --pairs-per-step N  (default: 16)
  --no-build          the images are there already
  --keep              leave everything in the cluster`;

/** The settings that the options come to. Throws where a number is none. */
export function trialSettingsOf(values: {
  readonly namespace: string;
  readonly steps: string;
  readonly 'pairs-per-step': string;
  readonly 'no-build': boolean;
  readonly keep: boolean;
}): TrialSettings {
  return {
    namespace: values.namespace,
    steps: countOf('steps', values.steps),
    pairsPerStep: countOf('pairs-per-step', values['pairs-per-step']),
    build: !values['no-build'],
    keep: values.keep,
  };
}

/** An option's value that is one of a few. Throws with the list where it is another. */
export function choiceOf<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((known) => known === value);
  if (choice === undefined) throw new Error(`--${option} is one of ${choices.join(', ')}, not "${value}"`);
  return choice;
}

function countOf(option: string, value: string): number {
  if (!/^[1-9]\d*$/.test(value)) throw new Error(`--${option} is a whole number from 1, not "${value}"`);
  return Number(value);
}
