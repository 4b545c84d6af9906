import { createLogger, endSoon, runUntilSignal } from '@alphapo/telemetry';
import { runAutoscaler } from './run.ts';

const logger = createLogger({ service: 'autoscaler' });

await runUntilSignal(logger, (signal) => runAutoscaler(process.env, logger, signal));
endSoon();
