import { RELEASE, type Resource, render, type Values } from '../chart/helm.ts';

/** An alert as Prometheus' rule files have it. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuleFile {
  readonly groups: readonly { readonly rules: readonly AlertRule[] }[];
}

const rendered = new Map<string, RuleFile>();

/** The rule file that the Prometheus Operator makes of the chart's PrometheusRule. */
export function ruleFile(values: Values = {}): RuleFile {
  const key = JSON.stringify(values);
  const file = rendered.get(key) ?? renderRules(values);
  rendered.set(key, file);
  return file;
}

function renderRules(values: Values): RuleFile {
  const resources = render({ ...values, metrics: { prometheusRule: { enabled: true } } });
  const found = resources.find(({ kind, metadata }: Resource) => {
    return kind === 'PrometheusRule' && metadata.name === `${RELEASE}-alphapo`;
  });
  return { groups: found.spec.groups };
}

/** All alerts of the chart. */
export const alertRules = (values: Values = {}): readonly AlertRule[] =>
  ruleFile(values).groups.flatMap(({ rules }) => rules);
