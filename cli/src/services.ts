import { autoscalerSettings } from '@alphapo/autoscaler/settings';
import { optimizerSettings, runOptimizer } from '@alphapo/optimizer';
import { runSampler, samplerSettings } from '@alphapo/sampler';
import { runScorer, scorerSettings } from '@alphapo/scorer';
import type { SettingSources, Settings } from '@alphapo/settings';
import type { Logger } from '@alphapo/telemetry';
import { runTokenizer, tokenizerSettings } from '@alphapo/tokenizer';

/** A service of the product: its settings become options, keys of its file, and values of the chart. */
export interface Service {
  readonly description: string;
  readonly settings: Settings;
  readonly run: (sources: SettingSources, logger: Logger, signal: AbortSignal) => Promise<void>;
}

/** All services, by name. */
export const SERVICES: Readonly<Record<string, Service>> = {
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
    description: 'On Kubernetes: scale the other services from zero, and hold calls until a scorer or sampler is ready',
    settings: autoscalerSettings,
    // Kubernetes' client takes longer to load than the rest together.
    run: async (...args) => (await import('@alphapo/autoscaler')).runAutoscaler(...args),
  },
};
