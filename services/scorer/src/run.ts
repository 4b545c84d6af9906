import { untilAborted } from '@alphapo/base';
import { RpcSecurity } from '@alphapo/rpc';
import type { SettingSources } from '@alphapo/settings';
import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { scorerConfigFrom } from './config.ts';
import type { ScorerEvents } from './events.ts';
import { startScorer } from './start.ts';

/**
 * The whole service: as its settings say, until the signal. Throws ENGINE_STOPPED where the computing thread died:
 * a new process is the way to a sound one.
 */
export async function runScorer(
  sources: SettingSources,
  logger: Logger<ScorerEvents>,
  signal: AbortSignal,
): Promise<void> {
  const config = scorerConfigFrom(sources);
  using security = await RpcSecurity.fromSettings(sources, { logger });
  await using scorer = await startScorer({ ...config, security }, logger);
  await using _metrics = await serveMetrics(sources, logger);
  await untilAborted(signal, scorer.broken);
}
