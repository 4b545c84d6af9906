import { openConfiguredLog } from '@alphapo/messaging';
import type { Logger } from '@alphapo/telemetry';
import { tokenizerConfigFrom } from './config.ts';
import { startTokenizer } from './start.ts';

/** The whole service: configured from the environment, until the signal. */
export async function runTokenizer(environment: NodeJS.ProcessEnv, logger: Logger, signal: AbortSignal): Promise<void> {
  const config = await tokenizerConfigFrom(environment);
  await using log = await openConfiguredLog(environment, {
    clientId: 'alphapo-tokenizer',
    logger: (level, event, fields) => logger[level](event, fields),
  });
  await using tokenizer = await startTokenizer(config, log, logger);
  await tokenizer.consume(signal);
}
