/** Dependencies point one way, packages are entered by their index, third-party libraries by one door each. */
const LAYERS = [
  ['base'],
  ['settings'],
  ['contracts'],
  ['safetensors', 'telemetry', 'optim', 'graph', 'data', 'messaging', 'hub'],
  ['rpc', 'tokenization', 'objectives', 'models', 'checkpoints'],
  ['engine', 'client'],
  ['policies', 'generation'],
  ['evaluation'],
];

/** A package may use those of the layers below its own, and none of its own layer. */
const layerRules = LAYERS.flatMap((layer, depth) =>
  layer.map((name) => {
    const above = LAYERS.slice(depth)
      .flat()
      .filter((other) => other !== name);
    return {
      name: `libs-${name}-uses-only-lower-layers`,
      severity: 'error',
      from: { path: `^libs/${name}/`, pathNot: '\\.test\\.ts$' },
      to: { path: `^libs/(${above.join('|') || 'none'})/` },
    };
  }),
);

const doorRules = [
  ['onnxruntime-node', '^libs/engine/src/session\\.ts$'],
  ['kafkajs', '^libs/messaging/'],
  ['@grpc/', '^libs/rpc/'],
  ['grpc-health-check', '^libs/rpc/'],
  ['@huggingface/hub', '^libs/hub/'],
  ['@huggingface/(?!hub)', '^libs/tokenization/'],
  ['pino', '^libs/telemetry/'],
  ['prom-client', '^libs/telemetry/'],
  ['@kubernetes/client-node', '^services/autoscaler/src/kubernetes/'],
  ['commander', '^cli/'],
  ['cli-progress', '^cli/'],
  ['yaml', '^(libs/settings|charts/tools)/'],
  ['csv-parse', '^libs/data/src/reading/delimited\\.ts$'],
  ['hono', '^services/sampler/src/http/'],
  ['@hono/', '^services/sampler/src/http/'],
  ['hyparquet/', '^libs/data/src/reading/parquet'],
].map(([library, door]) => ({
  name: `one-door-for-${library.replace(/\W+/g, '-')}`,
  severity: 'error',
  from: { pathNot: [door, '\\.test\\.ts$', '^(test|examples)/', 'node_modules'] },
  to: { path: `node_modules/${library}` },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'libs-use-no-services',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(services|cli)/' },
    },
    {
      name: 'packages-use-no-tests',
      severity: 'error',
      from: { path: '^(libs|services|cli)/', pathNot: '\\.(test|fixture)\\.ts$' },
      to: { path: '^(test|bench|charts|examples|proto)/|\\.fixture\\.ts$|/src/testing\\.ts$' },
    },
    {
      name: 'tests-and-benchmarks-enter-by-a-door',
      severity: 'error',
      from: { path: '^(test|bench|charts|examples|proto|release)/' },
      to: {
        path: '^(?:(?:libs|services)/[^/]+|cli)/src/',
        pathNot: '/src/(index|services|settings|testing)\\.ts$|\\.fixture\\.ts$',
      },
    },
    {
      name: 'benchmarks-use-no-tests',
      severity: 'error',
      from: { path: '^bench/' },
      to: { path: '^test/', pathNot: '^test/(kafka|support)/|^test/interop/demo-answers\\.ts$' },
    },
    {
      name: 'services-use-no-services',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^(services|cli)/', pathNot: '^services/$1/' },
    },
    {
      name: 'packages-are-entered-by-their-index',
      severity: 'error',
      from: { path: '^((?:libs|services)/[^/]+|cli)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(?:libs|services)/[^/]+/src/', pathNot: ['^$1/', '/src/(index|records|settings)\\.ts$'] },
    },
    ...layerRules,
    ...doorRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
