import { writeFileSync } from 'node:fs';
import { AlphapoError, messageOf } from '@alphapo/base';
import type { TelemetryEvents } from './events.ts';
import type { Logger } from './logger.ts';

/** Ctrl-C under npx reaches a service twice, from the terminal and from npx: signals this close together are one request. */
const ONE_REQUEST_MS = 500;

/**
 * Runs a service until it ends by itself or the process is asked to stop (SIGTERM, SIGINT), and sets the exit code: 0
 * after a graceful stop, also of its start (`cancelled`), 1 after an error, which is logged. A second signal ends the process at once.
 */
export async function runUntilSignal(
  logger: Logger<TelemetryEvents>,
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  let stoppedAt: number | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    if (stoppedAt !== undefined) {
      if (performance.now() - stoppedAt > ONE_REQUEST_MS) process.exit(1);
      return;
    }
    stoppedAt = performance.now();
    logger.info('process.stopping', { signal: name });
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await run(stop.signal);
    logger.info('process.stopped');
  } catch (error) {
    if (stop.signal.aborted && error instanceof AlphapoError && error.code === 'cancelled') {
      logger.info('process.stopped');
      return;
    }
    logger.error('process.failed', { error });
    leaveMessage(error, logger);
    process.exitCode = 1;
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

/**
 * Why the process ends, for whoever keeps it running: the first line of the message, in the file that ALPHAPO_TERMINATION_MESSAGE names. Kubernetes
 * shows it in the pod's status.
 */
function leaveMessage(error: unknown, logger: Logger<TelemetryEvents>): void {
  const { ALPHAPO_TERMINATION_MESSAGE: file } = process.env;
  if (file === undefined) return;
  const [line = ''] = messageOf(error).split('\n', 1);
  try {
    writeFileSync(file, line);
  } catch (cause) {
    logger.warn('termination-message.not-written', { file, error: cause });
  }
}

const LINGER_MS = 5_000;

/**
 * For the end of a program: ends the process, with the exit code that was set, where something that is left, such as a connection that
 * never closes, would keep it alive.
 */
export function endSoon(): void {
  setTimeout(() => process.exit(), LINGER_MS).unref();
}
