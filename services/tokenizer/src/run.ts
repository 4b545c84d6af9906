import { awaitConfiguredLog } from '@alphapo/messaging';
import { RpcSecurity } from '@alphapo/rpc';
import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { tokenizerConfigFrom } from './config.ts';
import { tokenizerMetrics } from './metrics.ts';
import { startTokenizer } from './start.ts';

/** The whole service: configured from the environment, until the signal. */
export async function runTokenizer(environment: NodeJS.ProcessEnv, logger: Logger, signal: AbortSignal): Promise<void> {
  const config = await tokenizerConfigFrom(environment);
  using security = await RpcSecurity.fromEnvironment(environment, { logger });
  await using log = await awaitConfiguredLog(environment, {
    clientId: 'alphapo-tokenizer',
    logger: (level, event, fields) => logger[level](event, fields),
    signal,
  });
  await using tokenizer = await startTokenizer({ ...config, security }, log, logger);
  await using _metrics = await serveMetrics(environment, logger, tokenizerMetrics);
  await tokenizer.consume(signal);
}
