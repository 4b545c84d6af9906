import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  const rows = leaves(value).map(
    ({ path, default: initial, description }) => `| \`${path}\` | ${shown(initial)} | ${cell(description)} |`,
  );
  const heading = `### ${value.key}\n\n${value.children === undefined || value.description === '' ? '' : `${value.description}\n\n`}`;
  return `${heading}| value | default | |\n|---|---|---|\n${rows.join('\n')}\n`;
}

function leaves(value: ChartValue): ChartValue[] {
  return value.children === undefined ? [value] : value.children.flatMap(leaves);
}

function shown(initial: unknown): string {
  return initial === '' ? '' : `\`${cell(JSON.stringify(initial))}\``;
}

const cell = (text: string) => text.replaceAll('|', '\\|');
