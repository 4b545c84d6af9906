import type { Values } from './helm.ts';

/** Kinds of other projects that the chart can make. */
export const CUSTOM = ['ServiceMonitor', 'PrometheusRule', 'ScaledObject', 'Certificate'];

export const COMMIT = 'c0ffee'.padEnd(40, '0');

/** Sets of values that touch every template. */
export const VARIANTS: readonly [name: string, values: Values, files: readonly string[]][] = [
  ['minimal', {}, []],
  ['GPU', {}, ['values-gpu.yaml']],
  ...['gpu-24gb', 'mistral-7b-two-a100', 'llama-3-8b-external-kafka'].map(
    (name) => [name, {}, [`examples/${name}.yaml`]] as [string, Values, string[]],
  ),
  ['laptop', { kafka: { brokers: [] } }, ['examples/laptop.yaml']],
  ['trial', { kafka: { brokers: [], trial: { enabled: true } } }, ['values-trial.yaml']],
  ['mutual TLS and tokens', { tls: { mode: 'mutual' }, access: { enabled: true }, autoscaling: { mode: 'none' } }, []],
  [
    'certificates of cert-manager',
    { tls: { mode: 'mutual', source: 'cert-manager', certManager: { issuerRef: { name: 'ca' } } } },
    [],
  ],
  [
    'KEDA, a secured Kafka and mutual TLS',
    {
      autoscaling: { mode: 'keda' },
      tls: { mode: 'mutual' },
      kafka: {
        tls: { enabled: true, caSecret: 'ca', clientSecret: 'client' },
        sasl: { mechanism: 'scram-sha-512', username: 'u', existingSecret: 'login' },
      },
    },
    [],
  ],
  ['HPA', { autoscaling: { mode: 'hpa' } }, []],
  [
    'monitoring',
    { metrics: { serviceMonitor: { enabled: true }, prometheusRule: { enabled: true }, dashboard: { enabled: true } } },
    [],
  ],
  ['sampler', { sampler: { enabled: true, settings: { cacheMib: 512 } } }, []],
  [
    'sampler with KEDA, mutual TLS, tokens and a GPU',
    {
      ...{ autoscaling: { mode: 'keda' }, tls: { mode: 'mutual' }, access: { enabled: true } },
      sampler: { enabled: true, device: 'cuda', gpu: { count: 1 } },
    },
    [],
  ],
  [
    'sampler with HPA and a model of a hub',
    {
      ...{ autoscaling: { mode: 'hpa' }, sampler: { enabled: true } },
      model: { existingClaim: { name: '' }, huggingFace: { repo: 'org/name', revision: COMMIT } },
    },
    [],
  ],
  [
    'hub and reference model',
    {
      model: {
        existingClaim: { name: '' },
        huggingFace: { repo: 'org/name', revision: COMMIT, tokenSecret: { name: 'hub' }, caSecret: 'hub-ca' },
      },
      policy: { objective: 'dpo' },
      referenceModel: { image: { reference: 'registry/model:1', path: 'weights' } },
      tokenizer: { settings: { ignoreFields: ['annotator'], lingerMs: '500' } },
      optimizer: { settings: { saveDtype: 'bfloat16' } },
      scorer: { settings: { scoreMerging: false } },
      autoscaler: { settings: { heldCalls: 3 } },
      chatTemplate: { jinja: '{{ messages }}' },
    },
    [],
  ],
];
