import { AlphapoError } from '@alphapo/base';
import { inFileOrder, readSettingsFile, unknownSettingProblem, valueProblem } from '@alphapo/settings';
import { type RunSettings, runSettingsSchema } from './run-settings.ts';

/** Options of `alphapo train` that its --config file may hold too. A service has no use for them, or options of its own. */
export const TRAIN_ONLY_SETTINGS: readonly string[] = [
  ...['model', 'data', 'out', 'evalData', 'evalFraction', 'evalEvery', 'referenceModel', 'initAdapter', 'chatTemplate'],
  ...['resume', 'shuffle', 'noShuffle', 'strict', 'device', 'threads', 'memoryLimit', 'checkpointEvery', 'logLevel'],
  'baseModelName',
];

/** The settings of a run in a file. Errors: INVALID_CONFIG_FILE; INVALID_SETTING with a line per mistake. */
export async function readRunSettings(file: string): Promise<RunSettings> {
  const { values, placeOf } = await readSettingsFile(file);
  return parseRunSettings(values, placeOf);
}

/**
 * Checks settings. `placeOf` says where a key was set and how it is written there; `alsoKnown` are other keys that would have been right.
 * Errors: INVALID_SETTING with a line per mistake, and the key of the first.
 */
export function parseRunSettings(
  values: Readonly<Record<string, unknown>>,
  placeOf: (key: string) => string,
  alsoKnown: readonly string[] = [],
): RunSettings {
  const result = runSettingsSchema.safeParse(values);
  if (result.success) return result.data;
  const known = [...Object.keys(runSettingsSchema.shape), ...alsoKnown];
  const mistakes = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ key, problem: unknownProblem(key, placeOf(key), known) }))
      : [{ key: String(issue.path[0] ?? ''), problem: valueProblem(issue, values) }],
  );
  const [first] = mistakes;
  throw new AlphapoError(
    'invalid-argument',
    'INVALID_SETTING',
    inFileOrder(mistakes.map(({ key, problem }) => `${placeOf(key)}: ${problem}`)).join('\n'),
    { metadata: { setting: first?.key ?? '' } },
  );
}

function unknownProblem(key: string, place: string, known: readonly string[]): string {
  if (TRAIN_ONLY_SETTINGS.includes(key)) {
    return 'is an option of alphapo train only; remove it. Service options: alphapo serve --help';
  }
  return unknownSettingProblem(place, known);
}
