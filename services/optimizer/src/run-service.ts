import { once } from 'node:events';
import { AlphapoError, type ErrorCode } from '@alphapo/base';
import { awaitConfiguredLog } from '@alphapo/messaging';
import { RpcSecurity } from '@alphapo/rpc';
import type { SettingSources } from '@alphapo/settings';
import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { optimizerConfigFrom } from './config.ts';
import type { OptimizerEvents } from './events.ts';
import { optimizerMetrics } from './metrics.ts';
import { startOptimizer } from './start.ts';

/** Failures that another start meets again: it would compute the same to the same end. */
const LASTING: readonly ErrorCode[] = [
  'invalid-argument',
  'not-found',
  'failed-precondition',
  'out-of-range',
  'data-loss',
];

/**
 * Runs the service until the signal. After the last step it keeps serving, unless whenFinished is exit. After a failure that
 * needs an operator it keeps serving in state FAILED, because a restart would fail again. Other failures, and being fenced,
 * end it at once.
 */
export async function runOptimizer(
  sources: SettingSources,
  logger: Logger<OptimizerEvents>,
  signal: AbortSignal,
): Promise<void> {
  const { whenFinished, adjustments, ...config } = await optimizerConfigFrom(sources);
  for (const { message } of adjustments) logger.warn('setting.adjusted', { message });
  using security = await RpcSecurity.fromSettings(sources, { logger });
  await using log = await awaitConfiguredLog(sources, {
    clientId: 'alphapo-optimizer',
    logger: logger.log,
    signal,
  });
  await using optimizer = await startOptimizer({ ...config, security }, log, logger, signal);
  await using _metrics = await serveMetrics(sources, logger, optimizerMetrics(optimizer));
  const stopped = async () => {
    if (!signal.aborted) await once(signal, 'abort');
  };
  try {
    await optimizer.train(signal);
  } catch (error) {
    if (!needsPerson(error)) throw error;
    logger.error('run.failed', { step: optimizer.trainer.policy.step, error });
    await stopped();
    throw error;
  }
  if (whenFinished === 'serve') await stopped();
}

function needsPerson(error: unknown): boolean {
  return error instanceof AlphapoError && LASTING.includes(error.code) && error.reason !== 'FENCED';
}
