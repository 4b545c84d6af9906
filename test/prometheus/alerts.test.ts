import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NAMESPACE, RELEASE } from '../chart/helm.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { ALERT_CASES, LAST_MINUTE } from './alert-cases.ts';
import { describePrometheus, promtool } from './programs.ts';
import { type AlertRule, alertRules, ruleFile } from './rules.ts';

/** The chart's alerts, by the rules of Prometheus itself, over series that are made up. */

type Series = Readonly<Record<string, string>>;

/** Series as a release's pods have them, under the labels that the ServiceMonitor gives them. */
function inRelease(release: string, series: Series): { readonly series: string; readonly values: string }[] {
  return Object.entries(series).map(([key, values]) => {
    const [name, own = '}'] = key.split('{');
    const target = `namespace="${NAMESPACE}",app_kubernetes_io_instance="${release}"`;
    return { series: `${name}{${target}${own === '}' ? '' : ','}${own}`, values };
  });
}

interface Moment {
  readonly eval_time: string;
  readonly alertname: string;
  readonly exp_alerts: readonly object[];
}

/** Has promtool evaluate the chart's rules over series. */
async function judge(series: ReturnType<typeof inRelease>, moments: readonly Moment[]): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'rules.json'), JSON.stringify(ruleFile()));
  const test = { interval: '1m', input_series: series, alert_rule_test: moments };
  const tests = { rule_files: ['rules.json'], evaluation_interval: '1m', tests: [test] };
  await writeFile(join(folder, 'tests.json'), JSON.stringify(tests));
  return promtool(['test', 'rules', join(folder, 'tests.json')]);
}

/** What Alertmanager is told. */
function toldBy({ labels, annotations }: AlertRule, own: Readonly<Record<string, string>>) {
  const filled = Object.entries(annotations).map(([name, text]) => {
    return [name, text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => own[label] ?? '')];
  });
  return { exp_labels: { ...labels, ...own }, exp_annotations: Object.fromEntries(filled) };
}

const quiet = (alert: string, minute: number): Moment => ({
  ...{ eval_time: `${minute}m`, alertname: alert, exp_alerts: [] },
});

describePrometheus('alerts', () => {
  const ruleOf = (alert: string) => alertRules().find((rule) => rule.alert === alert) as AlertRule;

  test.each(['builtin', 'keda', 'none'])('are rules that promtool accepts, with autoscaling.mode %s', async (mode) => {
    const file = join(await temporaryFolder(), 'rules.json');
    const rules = ruleFile({ autoscaling: { mode } });
    await writeFile(file, JSON.stringify(rules));
    const count = rules.groups.flatMap(({ rules }) => rules).length;
    expect(promtool(['check', 'rules', '--lint=all', '--lint-fatal', file])).toContain(`SUCCESS: ${count} rules found`);
  });

  test('each have cases in which they fire and in which they do not', () => {
    const names = alertRules().map(({ alert }) => alert);
    expect(Object.keys(ALERT_CASES).sort()).toEqual(names.sort());
    for (const { fires, isQuiet } of Object.values(ALERT_CASES)) {
      expect([fires.length, isQuiet.length]).not.toContain(0);
    }
  });

  test('say where they come from, so that those of two releases are not taken for one', () => {
    for (const { labels } of alertRules()) expect(labels).toMatchObject({ namespace: NAMESPACE, release: RELEASE });
  });

  const fires = Object.entries(ALERT_CASES).flatMap(([alert, { fires }]) => fires.map((one) => ({ alert, ...one })));
  test.each(fires)('$alert fires when $when', async ({ alert, series, labels = {}, atMinute, notAtMinute }) => {
    const told = { ...quiet(alert, atMinute), exp_alerts: [toldBy(ruleOf(alert), labels)] };
    await expect(judge(inRelease(RELEASE, series), [quiet(alert, notAtMinute), told])).resolves.toContain('SUCCESS');
  });

  const quietCases = Object.entries(ALERT_CASES).flatMap(([alert, { fires, isQuiet }]) =>
    isQuiet.map((one) => ({ alert, ofOthers: fires[0]?.series ?? {}, ...one })),
  );
  test.each(quietCases)(
    '$alert does not fire when $when, whatever another release in the namespace does',
    async ({ alert, series, ofOthers }) => {
      const all = [...inRelease(RELEASE, series), ...inRelease('other', ofOthers)];
      const moments = Array.from({ length: LAST_MINUTE / 5 }, (_, i) => quiet(alert, 5 * i + 4));
      await expect(judge(all, moments)).resolves.toContain('SUCCESS');
    },
  );
});
