import { createLogger, endSoon, runUntilSignal } from '@alphapo/telemetry';
import { runScorer } from './run.ts';

const logger = createLogger({ service: 'scorer' });

await runUntilSignal(logger, (signal) => runScorer(process.env, logger, signal));
endSoon();
