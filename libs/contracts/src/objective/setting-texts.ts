import { type ObjectiveParameters, objectiveParameters } from './kinds/parameters.ts';
import { OBJECTIVE_KINDS, type ObjectiveKind, recordOf } from './objective.ts';

/** The help of the settings of objectives, as the records of the objectives have it. */

type Parameter = keyof ObjectiveParameters;

/** Objectives that a list of most of them leaves out, at most. */
const FEW = 1;

const takersOf = (key: Parameter) => OBJECTIVE_KINDS.filter((kind) => key in recordOf(kind).settings);

/** Objectives that compare with a reference, or do where a setting says so: "dpo, ipo and hinge". */
export const REFERENCE_OBJECTIVES = enumeration(OBJECTIVE_KINDS.filter((kind) => recordOf(kind).reference !== 'never'));

/** What a setting of objectives means: "simpo: target margin (default: 0.5)". */
export function parameterText(key: Parameter): string {
  const takers = takersOf(key);
  const others = OBJECTIVE_KINDS.filter((kind) => !takers.includes(kind));
  const whose =
    others.length > FEW ? `${takers.join(', ')}: ` : others.length > 0 ? `all but ${others.join(', ')}: ` : '';
  const defaults = defaultsText(takers, (kind) => {
    const { settings, defaultTexts } = recordOf(kind);
    return defaultTexts?.[key] ?? settings[key];
  });
  return `${whose}${objectiveParameters[key].description}${defaults === '' ? '' : ` (default: ${defaults})`}`;
}

/** The peak learning rates of the recipes. */
export const learningRatesText = (): string => defaultsText(OBJECTIVE_KINDS, (kind) => recordOf(kind).learningRate);

/** What the objectives are: "dpo: log-ratios to a reference; …". */
export const summariesText = (): string =>
  OBJECTIVE_KINDS.map((kind) => `${kind}: ${recordOf(kind).summary}`).join('; ');

/** The default of most objectives, then those of others: "0.1; alphapo and simpo 2.5". */
function defaultsText(
  kinds: readonly ObjectiveKind[],
  defaultOf: (kind: ObjectiveKind) => string | number | undefined,
): string {
  const byText = Map.groupBy(kinds, (kind) => textOf(defaultOf(kind)));
  byText.delete('');
  const groups = [...byText];
  const most = Math.max(...groups.map(([, those]) => those.length));
  const usual = groups.filter(([, those]) => those.length === most);
  const exceptions = groups.map(([text, those]) => `${enumeration(those)} ${text}`);
  if (usual.length !== 1) return exceptions.join(', ');
  const [[text]] = usual as [[string, unknown]];
  return [text, ...exceptions.filter((_, i) => groups[i]?.[0] !== text)].join('; ');
}

/** Numbers as people write them in settings. */
function textOf(value: string | number | undefined): string {
  if (typeof value !== 'number' || value === 0 || Math.abs(value) >= 1e-3) return String(value ?? '');
  return value.toExponential();
}

function enumeration(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
