import { untilAborted } from '@alphapo/base';
import { RpcSecurity } from '@alphapo/rpc';
import type { SettingSources } from '@alphapo/settings';
import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { samplerConfigFrom } from './config.ts';
import type { SamplerEvents } from './events.ts';
import { startSampler } from './start.ts';

/**
 * The whole service: as its settings say, until the signal. Throws ENGINE_STOPPED where the computing thread died:
 * a new process is the way to a sound one.
 */
export async function runSampler(
  sources: SettingSources,
  logger: Logger<SamplerEvents>,
  signal: AbortSignal,
): Promise<void> {
  const config = samplerConfigFrom(sources);
  using security = await RpcSecurity.fromSettings(sources, { logger });
  await using sampler = await startSampler({ ...config, security }, logger);
  await using _metrics = await serveMetrics(sources, logger);
  await untilAborted(signal, sampler.broken);
}
