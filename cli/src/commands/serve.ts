import { REFERENCE_OBJECTIVES } from '@alphapo/contracts';
import { runOptimizer } from '@alphapo/optimizer';
import { runScorer } from '@alphapo/scorer';
import { createLogger, endSoon, runUntilSignal } from '@alphapo/telemetry';
import { CHAT_TEMPLATE_CHOICES } from '@alphapo/tokenization';
import { runTokenizer } from '@alphapo/tokenizer';
import { Command } from 'commander';
import {
  addEnvironmentOptions,
  type EnvironmentOption,
  EVENT_LOG,
  environmentOf,
  RPC_SERVER_SECURITY,
} from '../environment-options.ts';

const TOPIC_PREFIX: EnvironmentOption = [
  '--topic-prefix <text>',
  'ALPHAPO_TOPIC_PREFIX',
  'put before the names of all topics',
];
const METRICS: EnvironmentOption = [
  '--metrics-address <host:port>',
  'ALPHAPO_METRICS_ADDRESS',
  'where to serve /metrics; without it: nowhere',
];
const MODEL: EnvironmentOption = ['--model <folder>', 'ALPHAPO_MODEL', 'Hugging Face model folder'];
const ADDRESS: EnvironmentOption = [
  '--address <host:port>',
  'ALPHAPO_ADDRESS',
  'where to listen; port 0 takes a free one',
];
const DRAIN: EnvironmentOption = [
  '--drain-seconds <n>',
  'ALPHAPO_DRAIN_SECONDS',
  'time for running calls to end when it is stopped; then they are cut off',
];
const RUN: EnvironmentOption = [
  '--config <file>',
  'ALPHAPO_RUN',
  'settings of the run in YAML; steps must be among them',
];
const REFERENCE: EnvironmentOption = [
  '--reference-model <folder>',
  'ALPHAPO_REFERENCE_MODEL',
  `model that ${REFERENCE_OBJECTIVES} compare with, the same for optimizer and scorers; without it: the model`,
];
const TEMPLATE: EnvironmentOption = ['--chat-template <name>', 'ALPHAPO_CHAT_TEMPLATE', CHAT_TEMPLATE_CHOICES];

const SERVICES = {
  tokenizer: {
    description: 'Turn the preferences topic into batches of token ids; serve encode, decode and chat templates',
    run: runTokenizer,
    options: [
      MODEL,
      RUN,
      ADDRESS,
      DRAIN,
      TEMPLATE,
      ['--linger-ms <n>', 'ALPHAPO_LINGER_MS', 'flush a partial batch after this; 0: only at the end of the data'],
      [
        '--max-batches-ahead <n>',
        'ALPHAPO_MAX_BATCHES_AHEAD',
        'batches that may wait for the optimizer; 0: any number',
      ],
      ['--processes <n>', 'ALPHAPO_TOKENIZER_PROCESSES', 'processes that tokenize'],
      ['--ignore-fields <name,…>', 'ALPHAPO_IGNORE_FIELDS', 'further fields of records that are passed over'],
      ['--partitions <n>', 'ALPHAPO_PREFERENCES_PARTITIONS', 'partitions of the preferences topic, if it must be made'],
      TOPIC_PREFIX,
      ...EVENT_LOG,
      METRICS,
      ...RPC_SERVER_SECURITY,
    ],
  },
  scorer: {
    description: 'Serve log-probabilities and gradients of a model',
    run: runScorer,
    options: [
      MODEL,
      REFERENCE,
      ADDRESS,
      DRAIN,
      TEMPLATE,
      ['--optimizer <host:port>', 'ALPHAPO_OPTIMIZER', 'where policies are fetched; without it: base model only'],
      ['--device <cpu|cuda|webgpu>', 'ALPHAPO_DEVICE', 'where to compute'],
      ['--dtype <type>', 'ALPHAPO_DTYPE', "float32, bfloat16 or float16: the run's dtype"],
      ['--threads <n>', 'ALPHAPO_THREADS', 'threads of the computation'],
      ['--score-merging <on|off>', 'ALPHAPO_SCORE_MERGING', 'compute waiting Score calls together'],
      ['--score-linger-ms <n>', 'ALPHAPO_SCORE_LINGER_MS', 'longest wait of a Score call for others'],
      METRICS,
      ...RPC_SERVER_SECURITY,
    ],
  },
  optimizer: {
    description: 'Train: read batches, spread them over scorers, update the weights, keep checkpoints',
    run: runOptimizer,
    options: [
      MODEL,
      ['--model-name <name>', 'ALPHAPO_MODEL_NAME', 'what adapters name as their base model, such as owner/name'],
      REFERENCE,
      RUN,
      ADDRESS,
      DRAIN,
      [
        '--save-dtype <type>',
        'ALPHAPO_SAVE_DTYPE',
        'element type of exported models: as-stored, float32, bfloat16, float16',
      ],
      ['--scorers <host:port,…>', 'ALPHAPO_SCORERS', 'scorers; a name may have many addresses'],
      ['--folder <folder>', 'ALPHAPO_FOLDER', 'checkpoints and exports; must survive restarts'],
      ['--init-adapter <folder>', 'ALPHAPO_INIT_ADAPTER', 'PEFT adapter to start from'],
      ['--checkpoint-every <steps>', 'ALPHAPO_CHECKPOINT_EVERY', 'steps between checkpoints'],
      ['--checkpoints-kept <n>', 'ALPHAPO_CHECKPOINTS_KEPT', 'newest checkpoints that are kept'],
      [
        '--checkpoint-kept-every <steps>',
        'ALPHAPO_CHECKPOINT_KEPT_EVERY',
        'keep those of every so many steps for good',
      ],
      ['--when-finished <serve|exit>', 'ALPHAPO_WHEN_FINISHED', 'after the last step: go on serving, or exit'],
      TOPIC_PREFIX,
      ...EVENT_LOG,
      METRICS,
      ...RPC_SERVER_SECURITY,
    ],
  },
  autoscaler: {
    description: 'On Kubernetes: scale the other services from zero to their maximum, and hold Score calls for scorers',
    // Kubernetes' client takes longer to load than the rest together.
    run: async (...args) => (await import('@alphapo/autoscaler')).runAutoscaler(...args),
    options: [
      ADDRESS,
      DRAIN,
      [
        '--keda-address <host:port>',
        'ALPHAPO_KEDA_ADDRESS',
        'where KEDA asks for the desired replicas; if set, KEDA scales',
      ],
      ['--namespace <name>', 'ALPHAPO_NAMESPACE', 'namespace of the workloads and the lease'],
      ['--tokenizer-workload <kind/name>', 'ALPHAPO_TOKENIZER_WORKLOAD', 'deployment/NAME or statefulset/NAME'],
      ['--scorer-workload <kind/name>', 'ALPHAPO_SCORER_WORKLOAD', 'the same for the scorers'],
      ['--optimizer-workload <kind/name>', 'ALPHAPO_OPTIMIZER_WORKLOAD', 'the same for the optimizer'],
      ['--optimizer <host:port>', 'ALPHAPO_OPTIMIZER', 'the optimizer'],
      ['--scorers <host:port>', 'ALPHAPO_SCORERS', 'the scorers; the name has the address of each ready pod'],
      ['--lease <name>', 'ALPHAPO_LEASE', 'Lease by which one of the replicas leads'],
      ['--pod-name <name>', 'ALPHAPO_POD_NAME', 'name of this replica'],
      ['--min-scorers <n>', 'ALPHAPO_MIN_SCORERS', 'scorers that are always there'],
      ['--max-scorers <n>', 'ALPHAPO_MAX_SCORERS', 'scorers at most'],
      ['--min-tokenizers <n>', 'ALPHAPO_MIN_TOKENIZERS', 'tokenizers that are always there'],
      ['--max-tokenizers <n>', 'ALPHAPO_MAX_TOKENIZERS', 'tokenizers at most'],
      ['--cooldown-seconds <n>', 'ALPHAPO_COOLDOWN_SECONDS', 'how long a need is remembered before pods go'],
      ['--poll-seconds <n>', 'ALPHAPO_POLL_SECONDS', 'time between two looks'],
      ['--records-per-tokenizer <n>', 'ALPHAPO_RECORDS_PER_TOKENIZER', 'unread records for one tokenizer more'],
      ['--shards-per-scorer <n>', 'ALPHAPO_SHARDS_PER_SCORER', 'shards of a step for one scorer more'],
      ['--calls-per-scorer <n>', 'ALPHAPO_CALLS_PER_SCORER', 'Score calls at a time for one scorer more'],
      ['--held-calls <n>', 'ALPHAPO_HELD_CALLS', 'Score calls that wait for a scorer, at most'],
      ['--score-wait-seconds <n>', 'ALPHAPO_SCORE_WAIT_SECONDS', 'how long a Score call waits for a scorer'],
      TOPIC_PREFIX,
      ...EVENT_LOG,
      METRICS,
      ...RPC_SERVER_SECURITY,
    ],
  },
} as const satisfies Record<
  string,
  { description: string; run: typeof runScorer; options: readonly EnvironmentOption[] }
>;

export function serveCommand(): Command {
  const command = new Command('serve')
    .summary('run one service')
    .description('Run one service; options may also be given as environment variables');
  for (const [name, service] of Object.entries(SERVICES)) command.addCommand(serviceCommand(name, service));
  return command;
}

function serviceCommand(name: string, service: (typeof SERVICES)[keyof typeof SERVICES]): Command {
  const command = new Command(name).description(service.description);
  addEnvironmentOptions(command, service.options);
  return command.action(async (options: Record<string, string>) => {
    const logger = createLogger({ service: name });
    await runUntilSignal(logger, (signal) => service.run(environmentOf(service.options, options), logger, signal));
    endSoon();
  });
}
