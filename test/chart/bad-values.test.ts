import { type ChartValue, readValues } from '../../charts/tools/values.ts';
import { describeHelm, template, type Values } from './helm.ts';

/** All values of the chart that have none below them. */
const leaves = (values: readonly ChartValue[] = readValues()): ChartValue[] =>
  values.flatMap((value) => (value.children === undefined ? [value] : leaves(value.children)));

/** Values with one at a path such as `a.b`. */
const valuesWith = (path: string, value: unknown): Values =>
  path.split('.').reduceRight<unknown>((below, key) => ({ [key]: below }), value) as Values;

const hub = (revision: string): Values => ({
  model: { existingClaim: { name: '' }, huggingFace: { repo: 'a/b', revision } },
});

const reference = (policy: Values): Values => ({ policy, referenceModel: { existingClaim: { name: 'reference' } } });

describeHelm('values that cannot be', () => {
  test.each<[message: string, values: Values]>([
    // What the schema says.
    ["'scorerr' not allowed", { scorerr: {} }],
    ["at '/policy': additional properties 'learning-rat' not allowed", { policy: { 'learning-rat': 1 } }],
    ["at '/policy/beta': 'big' does not match pattern", { policy: { beta: 'big' } }],
    ["at '/policy/gamma-ratio': '0,5' does not match pattern", { policy: { 'gamma-ratio': '0,5' } }],
    ["at '/policy/steps': '1.5' does not match pattern", { policy: { steps: '1.5' } }],
    ["at '/model/huggingFace/revision': 'main' does not match pattern", hub('main')],
    ["at '/model/huggingFace/revision': '<commit>' does not match pattern", hub('<commit>')],
    ["at '/model/huggingFace/revision': 'c0ffee' does not match pattern", hub('c0ffee')],
    ["at '/tls/certManager/duration': '90d' does not match pattern", { tls: { certManager: { duration: '90d' } } }],
    ["at '/scorer/resources': additional properties 'request' not allowed", { scorer: { resources: { request: {} } } }],
    ["at '/tokenizer/settings/ignoreFields/0'", { tokenizer: { settings: { ignoreFields: ['a,b'] } } }],
    ["at '/scorer/settings': additional properties 'thread' not allowed", { scorer: { settings: { thread: 2 } } }],
    ["at '/policy/objective'", { policy: { objective: 'ppo' } }],
    ["at '/optimizer/replicas': maximum: got 2, want 1", { optimizer: { replicas: 2 } }],
    ["at '/kafka/brokers/0'", { kafka: { brokers: ['kafka'] } }],
    ["at '/tls/mode': value must be one of 'disabled', 'server', 'mutual'", { tls: { mode: 'on' } }],
    ["at '/scorer/gpu/resource'", { scorer: { gpu: { resource: 'gpu' } } }],
    ["at '/image/digest'", { image: { digest: 'latest' } }],
    // What templates say.
    [
      'optimizer.settings.stopOnCollapse: needs something to see a collapse by',
      { optimizer: { settings: { stopOnCollapse: true } } },
    ],
    [
      'optimizer.settings.stopOnCollapse: needs evaluations during the run',
      {
        optimizer: { settings: { stopOnCollapse: true, evalEvery: 0 } },
        evaluation: { configMap: 'held-out', pairs: 'pairs.jsonl' },
      },
    ],
    ['evaluation.configMap: is required', { evaluation: { pairs: 'pairs.jsonl' } }],
    ['evaluation.configMap: set evaluation.pairs or evaluation.prompts', { evaluation: { configMap: 'held-out' } }],
    [
      'evaluation.prompts: needs a sampler',
      { evaluation: { configMap: 'held-out', prompts: 'prompts.jsonl' }, sampler: { enabled: false } },
    ],
    ['policy.steps: is required', { policy: { steps: null } }],
    ['policy.epochs: is not supported', { policy: { epochs: 1 } }],
    ['policy.batchSize: is also given as batch-size', { policy: { 'batch-size': 2, batchSize: 3 } }],
    ['model: is required', { model: { existingClaim: { name: '' } } }],
    ['model.image.reference: model.existingClaim.name is also set', { model: { image: { reference: 'a:1' } } }],
    ['model.huggingFace.revision: is required', hub('')],
    ['referenceModel.existingClaim.name: the objective alphapo has no reference', reference({})],
    ['the objective simpo has no reference', reference({ preset: 'simpo-gemma-2-9b-it' })],
    ['the objective orpo has no reference', reference({ objective: 'orpo' })],
    ['the objective hinge has no reference', reference({ objective: 'hinge' })],
    ['the objective ipo has no reference', reference({ objective: 'ipo', reference: 'none' })],
    ['image.repository: <registry> is a placeholder', { image: { repository: '<registry>/alphapo' } }],
    ["at '/kafka/brokers/1': '<broker 2>:9092' does not match", { kafka: { brokers: ['a:1', '<broker 2>:9092'] } }],
    ['kafka.brokers[1]: <broker> is a placeholder', { kafka: { brokers: ['a:1', '<broker>:9092'] } }],
    [
      'scorer.extraEnv[0].value: <your value> is a placeholder',
      { scorer: { extraEnv: [{ name: 'A', value: '<your value>' }] } },
    ],
    ['kafka.brokers: is empty', { kafka: { brokers: [] } }],
    ['kafka.brokers: kafka.trial.enabled is also set', { kafka: { trial: { enabled: true } } }],
    [
      'kafka.tls.enabled: the trial broker',
      { kafka: { brokers: [], trial: { enabled: true }, tls: { enabled: true } } },
    ],
    ['kafka.tls.enabled: is false', { kafka: { tls: { caSecret: 'ca' } } }],
    ['kafka.sasl.username: is required', { kafka: { sasl: { mechanism: 'scram-sha-512' } } }],
    ['kafka.sasl.existingSecret: is required', { kafka: { sasl: { mechanism: 'scram-sha-512', username: 'u' } } }],
    [
      'kafka.sasl.mechanism: plain sends the password',
      { kafka: { sasl: { mechanism: 'plain', username: 'u', existingSecret: 's' } } },
    ],
    ['kafka.sasl.mechanism: is empty', { kafka: { sasl: { username: 'u' } } }],
    ['tls.existingSecret: is required', { tls: { mode: 'server', source: 'existing' } }],
    ['tls.certManager.issuerRef.name: is required', { tls: { mode: 'server', source: 'cert-manager' } }],
    ['access.enabled: tokens need TLS', { access: { enabled: true } }],
    ['autoscaling.scorer.minReplicas: 9 exceeds maxReplicas 4', { autoscaling: { scorer: { minReplicas: 9 } } }],
    ["at '/topics/replicationFactor': minimum: got 0, want 1", { topics: { replicationFactor: 0 } }],
    [
      "at '/autoscaler/settings/heldCalls': exclusiveMinimum: got 0, want 0",
      { autoscaler: { settings: { heldCalls: 0 } } },
    ],
    [
      'topics.minInSyncReplicas: 3 exceeds replicationFactor 2',
      { topics: { replicationFactor: 2, minInSyncReplicas: 3 } },
    ],
    [
      'topics.replicationFactor: has no effect with topics.create false',
      { topics: { create: false, replicationFactor: 3 } },
    ],
    [
      'topics.replicationFactor: is 3, but the trial broker has one replica',
      { kafka: { brokers: [], trial: { enabled: true } }, topics: { replicationFactor: 3 } },
    ],
    [
      'metrics.enabled: is false, but metrics.serviceMonitor.enabled',
      { metrics: { enabled: false, serviceMonitor: { enabled: true } } },
    ],
    ['scorer.gpu.count: is 0, but scorer.device is cuda', { scorer: { device: 'cuda' } }],
    ['scorer.device: is cpu', { scorer: { gpu: { count: 1 } } }],
    ['sampler.gpu.count: is 0, but sampler.device is cuda', { sampler: { device: 'cuda' } }],
    ['sampler.device: is cpu', { sampler: { gpu: { count: 1 } } }],
    [
      "at '/sampler/settings': additional properties 'adapters' not allowed",
      { sampler: { settings: { adapters: [] } } },
    ],
    ['autoscaling.sampler.minReplicas: 9 exceeds maxReplicas 2', { autoscaling: { sampler: { minReplicas: 9 } } }],
    ['chatTemplate.name: chatTemplate.jinja is also set', { chatTemplate: { name: 'plain', jinja: 'x' } }],
  ])('are refused by name: %s', (message, values) => {
    expect(() => template(values)).toThrow(message);
  });

  const amounts = leaves().flatMap(({ path }) => {
    if (path.endsWith('.resources')) {
      return ['requests', 'limits'].flatMap((kind) => ['cpu', 'memory'].map((name) => `${path}.${kind}.${name}`));
    }
    return path.endsWith('.size') ? [path] : [];
  });

  test('amounts are found everywhere', () => {
    expect(amounts).toContain('kafka.trial.persistence.size');
    expect(amounts).toContain('hooks.resources.limits.memory');
    expect(amounts.length).toBeGreaterThan(20);
  });

  // One rendering names all that the schema refuses.
  test.each(['4GB', '4 Gi', '4gb', '1,5', 'much', '-1', ''])(
    'amounts are refused by name, wherever they are: %j',
    (amount) => {
      const values = amounts.map((path) => valuesWith(path, amount)).reduce(merged, {});
      const refused = refusalOf(values);
      for (const path of amounts) expect(refused).toContain(`at '/${path.replaceAll('.', '/')}'`);
    },
  );

  test.each([
    ['memory', '512m'],
    ['cpu', '4Gi'],
  ])('an amount of %s in a unit that is another’s is refused: %s', (name, amount) => {
    const paths = amounts.filter((path) => path.endsWith(`.${name}`));
    const refused = refusalOf(paths.map((path) => valuesWith(path, amount)).reduce(merged, {}));
    for (const path of paths) expect(refused).toContain(`at '/${path.replaceAll('.', '/')}'`);
  });

  test.each(['4Gi', '4G', '1.5', '2e3', '500', 4, 0.5])('amounts of Kubernetes are taken: %j', (amount) => {
    const paths = amounts.filter((path) => !path.endsWith('.cpu') || !String(amount).includes('G'));
    expect(template(paths.map((path) => valuesWith(path, amount)).reduce(merged, {}))).toContain('kind: Job');
  });

  // Chat templates have such marks of their own; what the schema constrains is tried in one rendering.
  const texts = leaves().filter(
    ({ path, default: initial }) => typeof initial === 'string' && path !== 'chatTemplate.jinja' && path !== 'policy',
  );
  const [constrained, free] = [true, false].map((is) =>
    texts.filter(({ schema }) => (schema !== undefined) === is).map(({ path }) => path),
  ) as [string[], string[]];

  test.each(free)('a placeholder is refused by name: %s', (path) => {
    expect(refusalOf(valuesWith(path, 'a <place holder> b'))).toContain(`${path}: <place holder> is a placeholder`);
  });

  test('placeholders are refused by the schema where it says what a text may be', () => {
    const refused = refusalOf(constrained.map((path) => valuesWith(path, '<commit>')).reduce(merged, {}));
    const passed = constrained.filter((path) => !refused.includes(`at '/${path.replaceAll('.', '/')}'`));
    for (const path of passed) expect(refusalOf(valuesWith(path, '<commit>'))).toContain(`${path}: <commit>`);
  });

  test('marks of a chat template are none', () => {
    expect(template({ chatTemplate: { jinja: '<|im_start|>{{ role }}<think>' } })).toContain('<think>');
  });
});

/** What Helm complains of. */
function refusalOf(values: Values): string {
  try {
    template(values);
  } catch (error) {
    return String(error);
  }
  throw new Error(`not refused: ${JSON.stringify(values)}`);
}

function merged(a: Values, b: Values): Values {
  const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null;
  return Object.fromEntries(
    [...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => {
      const [left, right] = [a[key], b[key]];
      return [key, isObject(left) && isObject(right) ? merged(left, right) : (right ?? left)];
    }),
  ) as Values;
}
