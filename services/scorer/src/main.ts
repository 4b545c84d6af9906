import { createLogger, runUntilSignal } from '@alphapo/telemetry';
import { scorerConfigFrom } from './config.ts';
import { startScorer } from './start.ts';

const logger = createLogger({ service: 'scorer' });

await runUntilSignal(logger, async (signal) => {
  await using _scorer = await startScorer(scorerConfigFrom(process.env), logger);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
});
