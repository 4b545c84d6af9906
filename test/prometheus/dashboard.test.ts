import { describeHelm, one, render } from '../chart/helm.ts';
import { DASHBOARD, DASHBOARD_TEXT, type Panel, variablesIn } from './dashboard.ts';

/** What Grafana needs of a dashboard, as far as it can be seen without Grafana. */

/** That of Grafana 9, the first one whose data sources are objects in every panel. */
const FIRST_SCHEMA = 36;
const COLUMNS = 24;
/** Of Grafana's units, those that the dashboard may use. */
const UNITS = ['short', 's', 'cps', 'reqps', 'bytes'];
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's way to name a variable
const CHOSEN = { type: 'prometheus', uid: '${datasource}' };
const { panels, templating } = DASHBOARD;

test('the dashboard has an identity and a schema that Grafana knows', () => {
  expect(DASHBOARD.title).toBe('AlphaPO');
  expect(DASHBOARD.uid).toMatch(/^[\w-]{1,40}$/);
  expect(DASHBOARD.schemaVersion).toBeGreaterThanOrEqual(FIRST_SCHEMA);
});

test('every panel and variable asks the data source that is chosen', () => {
  const [chosen, ...others] = templating.list;
  expect(chosen).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
  const asked = [...panels, ...others].map(({ datasource }) => datasource);
  expect(asked).toEqual(asked.map(() => CHOSEN));
});

test('variables are there before they are used', () => {
  const names = templating.list.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const [index, variable] of templating.list.entries()) {
    for (const used of variablesIn(JSON.stringify(variable))) expect(names.slice(0, index)).toContain(used);
  }
  for (const used of variablesIn(JSON.stringify(panels))) expect(names).toContain(used);
});

test('panels and their queries can be told apart', () => {
  for (const identities of [panels.map(({ id }) => id), panels.map(({ title }) => title)]) {
    expect(new Set<unknown>(identities).size).toBe(identities.length);
  }
  for (const { id, type, fieldConfig, targets } of panels) {
    expect(Number.isInteger(id)).toBe(true);
    expect(type).toBe('timeseries');
    expect(UNITS).toContain(fieldConfig.defaults.unit);
    expect(targets.length).toBeGreaterThan(0);
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
  }
});

test('panels lie within the columns, and none over another', () => {
  for (const { gridPos } of panels) {
    expect(Math.min(gridPos.x, gridPos.y)).toBeGreaterThanOrEqual(0);
    expect(Math.min(gridPos.w, gridPos.h)).toBeGreaterThan(0);
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(COLUMNS);
  }
  const overlapping = panels.flatMap((a, i) => panels.slice(i + 1).filter((b) => overlap(a, b)));
  expect(overlapping).toEqual([]);
});

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

describeHelm('the ConfigMap of the dashboard', () => {
  test('has it unchanged, under the label of Grafana’s sidecar', () => {
    const { data, metadata } = one(render({ metrics: { dashboard: { enabled: true } } }), 'ConfigMap', 'dashboard');
    expect(JSON.parse(data['alphapo.json'])).toEqual(JSON.parse(DASHBOARD_TEXT));
    expect(metadata.labels).toMatchObject({ grafana_dashboard: '1' });
  });
});
