import { describeHelm, podsOf, type Resource, render } from './helm.ts';
import { VARIANTS } from './variants.ts';

const UNITS: Readonly<Record<string, number>> = { m: 1e-3, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** CPUs or bytes of an amount. */
function amountOf(text: string): number {
  const [, number, unit = ''] = /^([\d.]+)(m|Ki|Mi|Gi)?$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`an amount that this test cannot read: ${text}`);
  return Number(number) * (UNITS[unit] ?? 1);
}

describeHelm('values-trial.yaml', () => {
  const [, values, files] = VARIANTS.find(([name]) => name === 'trial') as (typeof VARIANTS)[number];
  const resources = render(values, files);

  /** Pods of a name at most: what the autoscaler may scale to, or what the workload has. */
  const mostPods = (name: string) => {
    const workload = resources.find(({ metadata, spec }) => metadata.name === name && spec?.template !== undefined);
    const autoscaler = resources.find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name.endsWith('-autoscaler'),
    );
    const { env } = autoscaler.spec.template.spec.containers[0];
    const component = name.replace('trial-alphapo-', '').toUpperCase();
    const limit = env.find((variable: Resource) => variable.name === `ALPHAPO_MAX_${component}S`)?.value;
    return Math.max(Number(limit ?? 0), workload?.spec.replicas ?? 1, 1);
  };

  test.each([
    ['cpu', 2],
    ['memory', 4 * 2 ** 30],
  ])('all pods at their most together request less %s than %d', (name, limit) => {
    const services = podsOf(resources).filter(({ metadata }) => metadata?.annotations?.['helm.sh/hook'] === undefined);
    const perPod = services
      .filter(({ name: pod }) => !/-(topics|validate|test-score|test-answer)$/.test(pod))
      .map(
        ({ name: pod, spec }) => [pod, mostPods(pod), amountOf(spec.containers[0].resources.requests[name])] as const,
      );
    expect(perPod.map(([pod, most]) => `${pod} ${most}`).sort()).toEqual([
      'trial-alphapo-autoscaler 1',
      'trial-alphapo-kafka 1',
      'trial-alphapo-optimizer 1',
      'trial-alphapo-scorer 2',
      'trial-alphapo-tokenizer 1',
    ]);
    const [hook] = podsOf(resources).filter(({ name: pod }) => pod.endsWith('-topics'));
    const hookRequest = amountOf(hook?.spec.containers[0].resources.requests[name]);
    const total = perPod.reduce((sum, [, most, request]) => sum + most * request, hookRequest);
    // The cluster's own pods, such as DNS, need some of it too.
    expect(total).toBeLessThan(0.9 * limit);
  });
});
