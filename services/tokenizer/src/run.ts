import { awaitConfiguredLog } from '@alphapo/messaging';
import { RpcSecurity } from '@alphapo/rpc';
import type { SettingSources } from '@alphapo/settings';
import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { tokenizerConfigFrom } from './config.ts';
import type { TokenizerEvents } from './events.ts';
import { tokenizerMetrics } from './metrics.ts';
import { startTokenizer } from './start.ts';

/** The whole service: as its settings say, until the signal. */
export async function runTokenizer(
  sources: SettingSources,
  logger: Logger<TokenizerEvents>,
  signal: AbortSignal,
): Promise<void> {
  const config = await tokenizerConfigFrom(sources);
  using security = await RpcSecurity.fromSettings(sources, { logger });
  await using log = await awaitConfiguredLog(sources, {
    clientId: 'alphapo-tokenizer',
    logger: logger.log,
    signal,
  });
  await using tokenizer = await startTokenizer({ ...config, security }, log, logger);
  await using _metrics = await serveMetrics(sources, logger, tokenizerMetrics);
  await tokenizer.consume(signal);
}
