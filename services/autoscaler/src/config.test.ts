import { autoscalerConfigFrom } from './config.ts';

const GIVEN = {
  ALPHAPO_NAMESPACE: 'here',
  ALPHAPO_TOKENIZER_WORKLOAD: 'deployment/run-tokenizer',
  ALPHAPO_SCORER_WORKLOAD: 'deployment/run-scorer',
  ALPHAPO_OPTIMIZER_WORKLOAD: 'statefulset/run-optimizer',
  ALPHAPO_OPTIMIZER: 'run-optimizer:50053',
  ALPHAPO_SCORERS: 'run-scorer-pods:50052',
  ALPHAPO_LEASE: 'run-autoscaler',
};

test('variables say what is scaled, and how far', () => {
  const config = autoscalerConfigFrom({
    environment: { ...GIVEN, ALPHAPO_MAX_SCORERS: '4', ALPHAPO_POLL_SECONDS: '0.5' },
  });
  expect(config.references.optimizer).toEqual({ kind: 'statefulset', name: 'run-optimizer' });
  expect(config.settings.limits).toEqual({
    tokenizer: { min: 0, max: 1 },
    scorer: { min: 0, max: 4 },
    optimizer: { min: 0, max: 1 },
    sampler: { min: 0, max: 0 },
  });
  expect([config.references.sampler, config.samplers]).toEqual([undefined, undefined]);
  expect(config.kedaAddress).toBeUndefined();
  const keda = { ...GIVEN, ALPHAPO_KEDA_ADDRESS: '0.0.0.0:50055' };
  expect(autoscalerConfigFrom({ environment: keda }).kedaAddress).toBe('0.0.0.0:50055');
  expect(config).toMatchObject({ pollMs: 500, address: '0.0.0.0:50054', topics: { preferences: 'preferences' } });
});

test('samplers are scaled and called where there are any', () => {
  const environment = {
    ...{ ...GIVEN, ALPHAPO_SAMPLER_WORKLOAD: 'deployment/run-sampler', ALPHAPO_SAMPLERS: 'run-sampler-pods:50055' },
    ...{ ALPHAPO_HTTP_ADDRESS: '0.0.0.0:8000', ALPHAPO_MAX_SAMPLERS: '3' },
  };
  const config = autoscalerConfigFrom({ environment });
  expect(config.references.sampler).toEqual({ kind: 'deployment', name: 'run-sampler' });
  expect(config.samplers).toEqual({ pods: 'run-sampler-pods:50055', httpPort: 8000, httpAddress: '0.0.0.0:8000' });
  expect(config.settings.limits.sampler).toEqual({ min: 0, max: 3 });
});

test.each([
  [{ ALPHAPO_SCORER_WORKLOAD: 'daemonset/scorer' }, 'ALPHAPO_SCORER_WORKLOAD'],
  [{ ALPHAPO_LEASE: '' }, 'ALPHAPO_LEASE'],
  [{ ALPHAPO_MIN_SCORERS: '3', ALPHAPO_MAX_SCORERS: '2' }, 'ALPHAPO_MIN_SCORERS'],
  [{ ALPHAPO_SAMPLER_WORKLOAD: 'deployment/sampler' }, 'ALPHAPO_SAMPLERS'],
  [{ ALPHAPO_POLL_SECONDS: '0' }, 'ALPHAPO_POLL_SECONDS'],
  [{ ALPHAPO_OPTIMIZER: undefined }, 'ALPHAPO_OPTIMIZER'],
])('%o is refused by its name', (change, variable) => {
  expect(() => autoscalerConfigFrom({ environment: { ...GIVEN, ...change } })).toThrow(
    expect.objectContaining({ reason: 'INVALID_CONFIGURATION', metadata: { variable } }),
  );
});
