import { autoscalerSettings } from '@alphapo/autoscaler/settings';
import { runSettingsSchema } from '@alphapo/contracts';
import { optimizerSettings, runOptimizer } from '@alphapo/optimizer';
import { runSampler, samplerSettings } from '@alphapo/sampler';
import { runScorer, scorerSettings } from '@alphapo/scorer';
import { readSettingsFile, refuseUnknownSettings, type SettingSources, type Settings } from '@alphapo/settings';
import { createLogger, endSoon, type Logger, runUntilSignal } from '@alphapo/telemetry';
import { runTokenizer, tokenizerSettings } from '@alphapo/tokenizer';
import { Command } from 'commander';
import { addSettingOptions, sourcesOf } from '../setting-options.ts';

/** A service of the product: its settings become options, keys of its file, and values of the chart. */
interface Service {
  readonly description: string;
  readonly settings: Settings;
  readonly run: (sources: SettingSources, logger: Logger, signal: AbortSignal) => Promise<void>;
}

const SERVICES: Readonly<Record<string, Service>> = {
  tokenizer: {
    description: 'Turn the preferences topic into batches of token ids; serve encode, decode and chat templates',
    settings: tokenizerSettings,
    run: runTokenizer,
  },
  scorer: {
    description: 'Serve log-probabilities and gradients of a model',
    settings: scorerSettings,
    run: runScorer,
  },
  sampler: {
    description: 'Serve answers of a model and its policies over gRPC and an OpenAI-compatible HTTP API',
    settings: samplerSettings,
    run: runSampler,
  },
  optimizer: {
    description: 'Train: read batches, distribute them to scorers, update the weights, write checkpoints',
    settings: optimizerSettings,
    run: runOptimizer,
  },
  autoscaler: {
    description: 'On Kubernetes: scale the other services from zero, and hold Score calls until a scorer is ready',
    settings: autoscalerSettings,
    // Kubernetes' client takes longer to load than the rest together.
    run: async (...args) => (await import('@alphapo/autoscaler')).runAutoscaler(...args),
  },
};

export function serveCommand(): Command {
  const command = new Command('serve')
    .summary('run one service')
    .description('Run one service, with settings from options, environment variables and a file');
  for (const [name, service] of Object.entries(SERVICES)) command.addCommand(serviceCommand(name, service));
  return command;
}

function serviceCommand(name: string, { description, settings, run }: Service): Command {
  const command = new Command(name)
    .description(description)
    .option('--config <file>', 'YAML file with these settings; options and variables override it');
  addSettingOptions(command, settings);
  return command.action(async ({ config, ...options }: { readonly config?: string }) => {
    const logger = createLogger({ service: name });
    await runUntilSignal(logger, async (signal) => {
      const sources = { ...sourcesOf(options), ...(await fileSource(config, settings)) };
      await run(sources, logger, signal);
    });
    endSoon();
  });
}

async function fileSource(file: string | undefined, settings: Settings): Promise<Pick<SettingSources, 'file'>> {
  if (file === undefined) return {};
  const read = await readSettingsFile(file);
  refuseUnknownSettings(read, settings, (key) =>
    key in runSettingsSchema.shape ? 'is a run setting; set it in the file of --run' : undefined,
  );
  return { file: read };
}
