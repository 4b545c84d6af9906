import { once } from 'node:events';
import { RpcSecurity } from '@alphapo/rpc';
import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { scorerConfigFrom } from './config.ts';
import { startScorer } from './start.ts';

/**
 * The whole service: configured from the environment, until the signal. Throws ENGINE_STOPPED where the computing thread died:
 * a new process is the way to a sound one.
 */
export async function runScorer(environment: NodeJS.ProcessEnv, logger: Logger, signal: AbortSignal): Promise<void> {
  const config = scorerConfigFrom(environment);
  using security = await RpcSecurity.fromEnvironment(environment, { logger });
  await using scorer = await startScorer({ ...config, security }, logger);
  await using _metrics = await serveMetrics(environment, logger);
  const ended = AbortSignal.any([signal, scorer.broken]);
  if (!ended.aborted) await once(ended, 'abort');
  if (scorer.broken.aborted) throw scorer.broken.reason;
}
