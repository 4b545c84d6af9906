import { describeHelm, environmentOf, NAMESPACE, notes, one, type Resource, render, type Values } from './helm.ts';
import { COMMIT } from './variants.ts';

/** The sampler in the chart: who reaches it, and who scales it. */

const host = (name: string) => `trial-alphapo-${name}.${NAMESPACE}.svc`;
const withSampler = (values: Values = {}) => render({ ...values, sampler: { enabled: true } });
const portsOf = ({ ports }: Resource): number[] => ports.map(({ port }: Resource) => port);

/** Of a NetworkPolicy's rules, the components that may be reached, or reach it, on a port. */
function peersOn(rules: readonly Resource[], port: number, side: 'from' | 'to'): (string | undefined)[] {
  return rules
    .filter((rule) => portsOf(rule).includes(port))
    .flatMap((rule) => rule[side] ?? [])
    .map(({ podSelector }: Resource) => podSelector?.matchLabels['app.kubernetes.io/component'] ?? 'clients');
}

describeHelm('the sampler', () => {
  test('is not there unless it is enabled', () => {
    expect(JSON.stringify(render())).not.toContain('alphapo-sampler"');
    expect(environmentOf(one(render(), 'Deployment', 'autoscaler'))).not.toHaveProperty('ALPHAPO_SAMPLERS');
  });

  test('starts at zero, and applications reach it through the autoscaler by gRPC and HTTP', () => {
    const resources = withSampler();
    expect(one(resources, 'Deployment', 'sampler').spec.replicas).toBe(0);
    const service = one(resources, 'Service', 'sampler').spec;
    expect(service.selector['app.kubernetes.io/component']).toBe('autoscaler');
    expect(portsOf(service)).toEqual([50055, 8000]);
    const container = one(resources, 'Deployment', 'autoscaler').spec.template.spec.containers[0];
    const targets = service.ports.map(({ targetPort }: Resource) => targetPort);
    expect(container.ports.map(({ name }: Resource) => name)).toEqual(expect.arrayContaining(targets));
    expect(one(resources, 'Service', 'sampler-pods').spec).toMatchObject({
      clusterIP: 'None',
      selector: { 'app.kubernetes.io/component': 'sampler' },
    });
    expect(environmentOf(one(resources, 'Deployment', 'autoscaler'))).toMatchObject({
      ALPHAPO_SAMPLER_WORKLOAD: 'deployment/trial-alphapo-sampler',
      ALPHAPO_SAMPLERS: `${host('sampler-pods')}:50055`,
      ALPHAPO_HTTP_ADDRESS: '0.0.0.0:8000',
      ALPHAPO_MAX_SAMPLERS: '2',
    });
    const { rules } = one(resources, 'Role', 'autoscaler');
    const named = rules.filter(({ resourceNames = [] }: Resource) => resourceNames.includes('trial-alphapo-sampler'));
    expect(named.map(({ resources: kinds }: Resource) => kinds)).toEqual([['deployments'], ['deployments/scale']]);
  });

  test('knows its model, the optimizer and the name of the model', () => {
    const model = { existingClaim: { name: '' }, huggingFace: { repo: 'org/name', revision: COMMIT } };
    const environment = (values: Values) => environmentOf(one(withSampler(values), 'Deployment', 'sampler'));
    expect(environment({ model })).toMatchObject({
      ALPHAPO_MODEL: `/models/model/org/name/${COMMIT}`,
      ALPHAPO_MODEL_NAME: 'org/name',
      ALPHAPO_OPTIMIZER: `${host('optimizer')}:50053`,
      ALPHAPO_HTTP_ADDRESS: '0.0.0.0:8000',
    });
    expect(environment({})).not.toHaveProperty('ALPHAPO_MODEL_NAME');
    expect(environment({ model: { name: 'mine' } }).ALPHAPO_MODEL_NAME).toBe('mine');
  });

  test.each([
    ['builtin', ['autoscaler'], 'autoscaler'],
    ['none', ['clients'], 'sampler'],
  ])('is reached by the autoscaler, or by clients where there is none: mode %s', (mode, callers, behind) => {
    const resources = withSampler({ autoscaling: { mode } });
    const { ingress, egress } = one(resources, 'NetworkPolicy', 'sampler').spec;
    for (const port of [50055, 8000]) expect(peersOn(ingress, port, 'from')).toEqual(callers);
    expect(peersOn(egress, 50053, 'to')).toEqual(['optimizer']);
    const service = one(resources, 'Service', 'sampler').spec;
    expect(service.selector['app.kubernetes.io/component']).toBe(behind);
    const optimizer = one(resources, 'NetworkPolicy', 'optimizer').spec.ingress;
    expect(peersOn(optimizer, 50053, 'from')).toContain('sampler');
  });

  test('the autoscaler may call it, and clients may call the autoscaler', () => {
    const { ingress, egress } = one(withSampler(), 'NetworkPolicy', 'autoscaler').spec;
    for (const port of [50055, 8000]) expect(peersOn(egress, port, 'to')).toEqual(['sampler']);
    for (const port of [50054, 8000]) expect(peersOn(ingress, port, 'from')).toEqual(['clients']);
  });

  test.each([
    ['builtin', 'autoscaler', 50054],
    ['none', 'sampler', 50055],
  ])('answers the evaluation prompts of the optimizer: mode %s', (mode, behind, port) => {
    const evaluation = { configMap: 'held-out', pairs: 'pairs.jsonl', prompts: 'prompts.jsonl' };
    const resources = withSampler({ autoscaling: { mode }, evaluation });
    const optimizer = one(resources, 'StatefulSet', 'optimizer');
    expect(environmentOf(optimizer)).toMatchObject({
      ALPHAPO_EVAL_DATA: '/etc/alphapo/evaluation/pairs.jsonl',
      ALPHAPO_EVAL_PROMPTS: '/etc/alphapo/evaluation/prompts.jsonl',
      ALPHAPO_SAMPLER: `${host('sampler')}:50055`,
    });
    const { volumes, containers } = optimizer.spec.template.spec;
    expect(volumes).toContainEqual({ name: 'evaluation', configMap: { name: 'held-out' } });
    expect(containers[0].volumeMounts).toContainEqual({
      ...{ name: 'evaluation', mountPath: '/etc/alphapo/evaluation', readOnly: true },
    });
    expect(peersOn(one(resources, 'NetworkPolicy', 'optimizer').spec.egress, port, 'to')).toEqual([behind]);
    expect(peersOn(one(resources, 'NetworkPolicy', behind).spec.ingress, port, 'from')).toContain('optimizer');
    const without = one(withSampler({ autoscaling: { mode } }), 'StatefulSet', 'optimizer');
    expect(environmentOf(without)).not.toHaveProperty('ALPHAPO_SAMPLER');
  });

  test('is scaled by KEDA and by CPU as the scorer is', () => {
    const keda = withSampler({ autoscaling: { mode: 'keda', sampler: { maxReplicas: 3 } } });
    expect(one(keda, 'ScaledObject', 'sampler').spec).toMatchObject({ minReplicaCount: 0, maxReplicaCount: 3 });
    const hpa = withSampler({ autoscaling: { mode: 'hpa' } });
    expect(one(hpa, 'HorizontalPodAutoscaler', 'sampler').spec).toMatchObject({ minReplicas: 1, maxReplicas: 2 });
  });

  test('certificates have the names by which HTTP clients reach it', () => {
    const issuer = { source: 'cert-manager', certManager: { issuerRef: { name: 'ca' } } };
    const resources = withSampler({ tls: { mode: 'server', ...issuer } });
    for (const holder of ['sampler', 'autoscaler']) {
      expect(one(resources, 'Certificate', holder).spec.dnsNames).toContain(host('sampler'));
    }
  });

  test('takes GPUs as the scorer does', () => {
    const sampler = { enabled: true, device: 'cuda', gpu: { count: 1 } };
    const [container] = one(render({ sampler }), 'Deployment', 'sampler').spec.template.spec.containers;
    expect(container.image).toBe('alphapo-cuda:0.1.0');
    expect(container.resources.limits).toEqual({ memory: '4Gi', 'nvidia.com/gpu': 1 });
  });

  test('the notes say where it answers', () => {
    const values = { sampler: { enabled: true } };
    expect(notes(values)).toContain(`${host('sampler')}: OpenAI's API on port 8000, gRPC on 50055`);
    expect(notes(values)).toContain('   curl http://localhost:8000/v1/models\n');
    const secured = notes({ ...values, tls: { mode: 'mutual' }, access: { enabled: true } });
    expect(secured).toContain(
      'curl --cacert ca.crt --cert tls.crt --key tls.key -H "Authorization: Bearer $(cat token)" https://',
    );
    expect(notes()).not.toContain('OpenAI');
  });
});
