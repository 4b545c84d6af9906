import { once } from 'node:events';
import { openConfiguredLog } from '@alphapo/messaging';
import { RpcSecurity } from '@alphapo/rpc';
import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { optimizerConfigFrom } from './config.ts';
import { optimizerMetrics } from './metrics.ts';
import { startOptimizer } from './start.ts';

/** The whole service: configured from the environment, until the signal. After the last step it goes on serving. */
export async function runOptimizer(environment: NodeJS.ProcessEnv, logger: Logger, signal: AbortSignal): Promise<void> {
  const config = await optimizerConfigFrom(environment);
  using security = await RpcSecurity.fromEnvironment(environment, { logger });
  await using log = await openConfiguredLog(environment, {
    clientId: 'alphapo-optimizer',
    logger: (level, event, fields) => logger[level](event, fields),
  });
  await using optimizer = await startOptimizer({ ...config, security }, log, logger);
  await using _metrics = await serveMetrics(environment, logger, optimizerMetrics(optimizer));
  await optimizer.trainer.train(signal);
  if (!signal.aborted) await once(signal, 'abort');
}
