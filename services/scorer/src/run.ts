import { once } from 'node:events';
import { RpcSecurity } from '@alphapo/rpc';
import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { scorerConfigFrom } from './config.ts';
import { startScorer } from './start.ts';

/** The whole service: configured from the environment, until the signal. */
export async function runScorer(environment: NodeJS.ProcessEnv, logger: Logger, signal: AbortSignal): Promise<void> {
  const config = scorerConfigFrom(environment);
  using security = await RpcSecurity.fromEnvironment(environment, { logger });
  await using _scorer = await startScorer({ ...config, security }, logger);
  await using _metrics = await serveMetrics(environment, logger);
  if (!signal.aborted) await once(signal, 'abort');
}
