import { nearestWord } from '@alphapo/base';
import { kebabCase } from './names.ts';
import { invalid } from './resolve.ts';
import type { Settings } from './setting.ts';

const PREFIX = 'ALPHAPO_';

/** What Kubernetes and Docker set for a service whose name begins with `alphapo`. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?$/;

/**
 * Errors: INVALID_CONFIGURATION with a line per variable that begins with ALPHAPO_ and means nothing to any service: ignoring it could
 * compute something else than was asked for. `settings` are those of each service; `others` are variables that are no settings.
 */
export function refuseUnknownVariables(
  environment: NodeJS.ProcessEnv,
  settings: Readonly<Record<string, Settings>>,
  others: Iterable<string> = [],
): void {
  const known = new Set([...Object.values(settings).flatMap(variablesOf), ...others]);
  const unknown = Object.keys(environment).filter(
    (name) => name.startsWith(PREFIX) && !known.has(name) && !SERVICE_LINK.test(name),
  );
  if (unknown.length === 0) return;
  const options = optionsByVariable(settings);
  const lines = unknown.map((name) => {
    const option = options.get(name);
    if (option !== undefined) return `${name} is not a supported variable; set ${option}`;
    const meant = nearestName(name, [...known, ...options.keys()]);
    const suggestion = meant === undefined ? '' : `. Did you mean ${options.get(meant) ?? meant}?`;
    return `${name}: no such variable${suggestion}`;
  });
  throw invalid(lines.join('\n'), unknown[0] as string);
}

/** The variables of settings; a secret that is read from the file in X_FILE may also stand in X itself. */
function variablesOf(settings: Settings): readonly string[] {
  return Object.values(settings).flatMap(({ variable }) =>
    variable === undefined ? [] : [variable, variable.replace(/_FILE$/, '')],
  );
}

/** How settings without a variable are given, by the variable that they would have. */
function optionsByVariable(settings: Readonly<Record<string, Settings>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(settings).flatMap(([service, ofService]) =>
      Object.entries(ofService).flatMap(([key, { variable }]) => {
        const name = kebabCase(key);
        const form = `${PREFIX}${name.toUpperCase().replaceAll('-', '_')}`;
        const option = `--${name} of the ${service}, or "${name}" in its --config file`;
        return variable === undefined ? [[form, option] as const] : [];
      }),
    ),
  );
}

/** The name that differs by a few letters, else the one that shares most words. */
function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const bare = (candidate: string) => candidate.slice(PREFIX.length);
  const letters = nearestWord(bare(name), candidates.map(bare));
  if (letters !== undefined) return `${PREFIX}${letters}`;
  const words = new Set(bare(name).split('_'));
  const [best] = candidates
    .map((candidate) => {
      const own = bare(candidate).split('_');
      const shared = own.filter((word) => words.has(word)).length;
      return { candidate, shared, share: shared / Math.min(own.length, words.size) };
    })
    .filter(({ share }) => share > 0.5)
    .sort((a, b) => b.share - a.share || b.shared - a.shared);
  return best?.candidate;
}
