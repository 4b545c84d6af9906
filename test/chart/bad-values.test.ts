import { describeHelm, template, type Values } from './helm.ts';

describeHelm('values that cannot be', () => {
  test.each<[message: string, values: Values]>([
    // What the schema says.
    ["'scorerr' not allowed", { scorerr: {} }],
    ["at '/policy': additional properties 'learning-rat' not allowed", { policy: { 'learning-rat': 1 } }],
    ["at '/policy/beta': got string, want number", { policy: { beta: 'big' } }],
    ["at '/policy/objective'", { policy: { objective: 'ppo' } }],
    ["at '/optimizer/replicas': maximum: got 2, want 1", { optimizer: { replicas: 2 } }],
    ["at '/kafka/brokers/0'", { kafka: { brokers: ['kafka'] } }],
    ["at '/tls/mode': value must be one of 'disabled', 'server', 'mutual'", { tls: { mode: 'on' } }],
    ["at '/scorer/gpu/resource'", { scorer: { gpu: { resource: 'gpu' } } }],
    ["at '/image/digest'", { image: { digest: 'latest' } }],
    // What templates say.
    ['policy.steps: is missing', { policy: { steps: null } }],
    ['policy.epochs: a stream has no length', { policy: { epochs: 1 } }],
    ['policy.batchSize: stands there as batch-size too', { policy: { 'batch-size': 2, batchSize: 3 } }],
    ['model: say where it is', { model: { existingClaim: { name: '' } } }],
    ['model.image.reference: model.existingClaim.name is set too', { model: { image: { reference: 'a:1' } } }],
    [
      'model.huggingFace.revision: is missing',
      { model: { existingClaim: { name: '' }, huggingFace: { repo: 'a/b' } } },
    ],
    ['kafka.brokers: is empty', { kafka: { brokers: [] } }],
    ['kafka.brokers: kafka.trial.enabled is set too', { kafka: { trial: { enabled: true } } }],
    [
      'kafka.tls.enabled: the trial broker',
      { kafka: { brokers: [], trial: { enabled: true }, tls: { enabled: true } } },
    ],
    ['kafka.tls.enabled: is false', { kafka: { tls: { caSecret: 'ca' } } }],
    ['kafka.sasl.username: is missing', { kafka: { sasl: { mechanism: 'scram-sha-512' } } }],
    ['kafka.sasl.existingSecret: is missing', { kafka: { sasl: { mechanism: 'scram-sha-512', username: 'u' } } }],
    [
      'kafka.sasl.mechanism: plain sends the password',
      { kafka: { sasl: { mechanism: 'plain', username: 'u', existingSecret: 's' } } },
    ],
    ['kafka.sasl.mechanism: is empty', { kafka: { sasl: { username: 'u' } } }],
    ['tls.existingSecret: is missing', { tls: { mode: 'server', source: 'existing' } }],
    ['tls.certManager.issuerRef.name: is missing', { tls: { mode: 'server', source: 'cert-manager' } }],
    ['access.enabled: tokens travel over TLS only', { access: { enabled: true } }],
    ['autoscaling.scorer.minReplicas: 9 is more than the 4', { autoscaling: { scorer: { minReplicas: 9 } } }],
    ["at '/topics/replicationFactor': minimum: got 0, want 1", { topics: { replicationFactor: 0 } }],
    [
      "at '/autoscaling/builtin/waitingCalls': minimum: got 0, want 1",
      { autoscaling: { builtin: { waitingCalls: 0 } } },
    ],
    [
      'topics.minInSyncReplicas: 3 is more than the 2 of replicationFactor',
      { topics: { replicationFactor: 2, minInSyncReplicas: 3 } },
    ],
    ['topics.replicationFactor: topics.create is false', { topics: { create: false, replicationFactor: 3 } }],
    [
      'topics.replicationFactor: is 3, but the trial broker is alone',
      { kafka: { brokers: [], trial: { enabled: true } }, topics: { replicationFactor: 3 } },
    ],
    [
      'metrics.enabled: is false, but metrics.serviceMonitor.enabled',
      { metrics: { enabled: false, serviceMonitor: { enabled: true } } },
    ],
    ['scorer.gpu.count: is 0, but scorer.device is cuda', { scorer: { device: 'cuda' } }],
    ['scorer.device: is cpu', { scorer: { gpu: { count: 1 } } }],
    ['chatTemplate.name: chatTemplate.jinja is set too', { chatTemplate: { name: 'plain', jinja: 'x' } }],
  ])('are refused by name: %s', (message, values) => {
    expect(() => template(values)).toThrow(message);
  });
});
