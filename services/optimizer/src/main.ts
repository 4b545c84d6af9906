import { createLogger, endSoon, runUntilSignal } from '@alphapo/telemetry';
import { runOptimizer } from './run-service.ts';

const logger = createLogger({ service: 'optimizer' });

await runUntilSignal(logger, (signal) => runOptimizer(process.env, logger, signal));
endSoon();
