import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The dashboard of the chart, as far as tests look at it. */

interface DataSource {
  readonly type: string;
  readonly uid: string;
}

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly datasource: DataSource;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig: { readonly defaults: { readonly unit: string } };
  readonly targets: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface Variable {
  readonly name: string;
  readonly type: 'datasource' | 'query';
  readonly datasource?: DataSource;
  readonly query: string | { readonly query: string };
}

interface Dashboard {
  readonly title: string;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

/** The file as it is in the chart. */
export const DASHBOARD_TEXT = readFileSync(
  join(import.meta.dirname, '../../charts/alphapo/dashboards/alphapo.json'),
  'utf8',
);

export const DASHBOARD: Dashboard = JSON.parse(DASHBOARD_TEXT);

/** Names of the variables that a text uses: `$name` and `${name}`. */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(/\$\{(\w+)\}|\$(\w+)/g)].map(([, braced, bare]) => braced ?? bare ?? '');
}

/** A text with values for its variables; throws for one that has none. */
export function withVariables(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)\}|\$(\w+)/g, (_, braced, bare) => {
    const value = values[braced ?? bare];
    if (value === undefined) throw new Error(`there is no value for $${braced ?? bare}`);
    return value;
  });
}
