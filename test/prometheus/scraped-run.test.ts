import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NAMESPACE, RELEASE } from '../chart/helm.ts';
import { DASHBOARD, withVariables } from './dashboard.ts';
import { metricNamesIn } from './expressions.ts';
import { type ObservedRun, startObservedRun } from './observed-run.ts';
import { describePrometheus } from './programs.ts';
import { alertRules, ruleFile } from './rules.ts';
import { PrometheusServer, type Sample } from './server.ts';
import { COMPONENTS, scrapeConfigs } from './targets.ts';

/**
 * A real Prometheus scrapes a real run as the chart's ServiceMonitor says, with the chart's alerts. So a metric that was renamed, or a
 * label that another one hides, is seen here and not by an operator.
 */

const SCRAPE_EVERY = '1s';
const START_MS = 120_000;
/** Two scrapes and what may be slow about them: a rate is there from the second one on. */
const PATIENCE_MS = 40_000;
const VARIABLES = { namespace: NAMESPACE, release: RELEASE, datasource: 'prometheus' };

const QUERIES = DASHBOARD.panels.flatMap(({ title, targets }) =>
  targets.map(({ refId, expr, legendFormat }) => ({
    ...{ name: `${title}, ${refId}`, legendFormat, expr: withVariables(expr, VARIABLES) },
  })),
);
const HAS_DATA = ({ value }: Sample) => Number.isFinite(value);

describePrometheus('a run that Prometheus scrapes', () => {
  let run: ObservedRun;
  let prometheus: PrometheusServer;
  beforeAll(async () => {
    run = await startObservedRun();
    const config = {
      global: { scrape_interval: SCRAPE_EVERY, scrape_timeout: SCRAPE_EVERY, evaluation_interval: '1s' },
      scrape_configs: scrapeConfigs((component) => run.addressOf(component)),
      rule_files: ['rules.json'],
    };
    prometheus = await PrometheusServer.start(config, { 'rules.json': ruleFile() });
  }, START_MS);
  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await run?.[Symbol.asyncDispose]();
  });

  const metricNames = () => prometheus.ask<string[]>('label/__name__/values');

  test('has a target for each component that answers', async () => {
    const up = await soon(
      () => prometheus.query('max_over_time(up[5m])'),
      (samples) => samples.length === COMPONENTS.length && samples.every(({ value }) => value === 1),
    );
    expect(Object.fromEntries(up.map(({ metric, value }) => [metric.app_kubernetes_io_component, value]))).toEqual(
      Object.fromEntries(COMPONENTS.map((component) => [component, 1])),
    );
  });

  test.each(QUERIES)('gives data to the dashboard: $name', async ({ expr, legendFormat }) => {
    const samples = await soon(
      () => prometheus.query(expr),
      (found) => found.some(HAS_DATA),
    );
    expect(await metricNames()).toEqual(expect.arrayContaining(metricNamesIn(expr)));
    expect(samples.filter(HAS_DATA)).not.toEqual([]);
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
      for (const { metric } of samples) expect(metric).toHaveProperty(label);
    }
  });

  test('has no metric with a label that a label of the target hides', async () => {
    const labels = await prometheus.ask<string[]>('labels');
    expect(labels.filter((label) => label.startsWith('exported_'))).toEqual([]);
  });

  test('has values for the variables of the dashboard', async () => {
    for (const { name, query } of DASHBOARD.templating.list.slice(1)) {
      const text = typeof query === 'string' ? query : query.query;
      const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(text) ?? [];
      const values = await prometheus.ask(`label/${label}/values`, { 'match[]': withVariables(selector, VARIABLES) });
      expect({ [name]: values }).toEqual({ [name]: [VARIABLES[name as keyof typeof VARIABLES]] });
    }
  });

  test('has every metric that an alert reads, and Prometheus evaluates them all', async () => {
    const names = await metricNames();
    for (const { alert, expr } of alertRules()) {
      const read = metricNamesIn(expr);
      expect({ alert, read, missing: read.filter((name) => !names.includes(name)) }).toEqual({
        ...{ alert, read, missing: [] },
      });
      expect(read).not.toEqual([]);
    }
    const rules = await soon(
      async () =>
        (await prometheus.ask<{ groups: { rules: Rule[] }[] }>('rules')).groups.flatMap((group) => group.rules),
      (found) => found.every(({ health }) => health !== 'unknown'),
    );
    expect(rules.map(({ name }) => name).sort()).toEqual(
      alertRules()
        .map(({ alert }) => alert)
        .sort(),
    );
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
  });

  test('has the metrics that docs/operations.md describes, and no others', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
    const described = [...text.matchAll(/`(alphapo_|…_)(\w+)/g)].map(([, start, end]) => ({ start, end }));
    // Histograms are described by the name that their series have in common.
    const there = (await metricNames())
      .filter((name) => name.startsWith('alphapo_'))
      .map((name) => name.replace(/_(bucket|sum|count)$/, ''));
    const matches = (name: string, { start, end }: (typeof described)[number]) =>
      start === '…_' ? name.endsWith(`_${end}`) : name === `${start}${end}`;
    expect([...new Set(there)].filter((name) => !described.some((one) => matches(name, one)))).toEqual([]);
    expect(described.filter((one) => !there.some((name) => matches(name, one)))).toEqual([]);
  });
});

/** A rule that Prometheus has. */
interface Rule {
  readonly name: string;
  /** ok, err, or unknown before its first evaluation. */
  readonly health: string;
}

/** What is found once it is as wanted, or when patience ends. */
async function soon<T>(look: () => Promise<T>, isWanted: (found: T) => boolean): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (isWanted(found) || performance.now() > deadline) return found;
    await sleep(200);
  }
}

describe('names of metrics', () => {
  test('are told from functions, labels and words of the language', () => {
    const expression =
      'sum by (le) (rate(a_total{b="c_d",e!="f"}[5m])) > 0.05 * max(g) unless on(h) (i or vector(0)) == 1';
    expect(metricNamesIn(expression)).toEqual(['a_total', 'g', 'i']);
  });
});
