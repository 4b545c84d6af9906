import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentUrl } from './repository.ts';
import { SERVICE_SETTINGS } from './service-settings.ts';
import { CHART, type ChartValue, readValues } from './values.ts';

/** README.md of the chart: an introduction that people write, and a table of all values that values.yaml comes to. */

const readmeFile = join(CHART, 'README.md');
const START = '<!-- values: written by `npm run chart`, out of values.yaml -->';

/** The README as it stands in the chart. */
export const currentReadme = (): string => readFileSync(readmeFile, 'utf8');

/** The README with the table that belongs to values.yaml. */
export function readme(): string {
  const [introduction = ''] = currentReadme().split(START);
  return `${introduction.trimEnd()}\n\n${START}\n\n${readValues().map(section).join('\n')}`;
}

function section(value: ChartValue): string {
  const rows = leaves(value)
    .flatMap(rowsOf)
    .map(
      ({ path, default: initial, description }) => `| \`${path}\` | ${shown(initial)} | ${linked(cell(description))} |`,
    );
  const heading = `### ${value.key}\n\n${value.children === undefined || value.description === '' ? '' : `${value.description}\n\n`}`;
  return `${heading}| value | default | |\n|---|---|---|\n${rows.join('\n')}\n`;
}

/** A value, and below the settings of a service each of them by itself. */
function rowsOf(value: ChartValue): Pick<ChartValue, 'path' | 'default' | 'description'>[] {
  const settings = Object.entries(SERVICE_SETTINGS.get(value.path) ?? {}).map(
    ([key, { description, default: initial }]) => ({
      path: `${value.path}.${key}`,
      default: initial ?? '',
      description: sentence(String(description)),
    }),
  );
  return [value, ...settings];
}

/** Descriptions of settings are phrases; those of values are sentences. */
const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function leaves(value: ChartValue): ChartValue[] {
  return value.children === undefined ? [value] : value.children.flatMap(leaves);
}

function shown(initial: unknown): string {
  return initial === '' ? '' : `\`${cell(JSON.stringify(initial))}\``;
}

/** A packaged chart has no docs folder. */
const linked = (text: string) => text.replaceAll(/docs\/[\w-]+\.md/g, (path) => `[${path}](${documentUrl(path)})`);

const cell = (text: string) => text.replaceAll('|', '\\|');
