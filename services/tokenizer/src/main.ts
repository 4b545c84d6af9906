import { createLogger, endSoon, runUntilSignal } from '@alphapo/telemetry';
import { runTokenizer } from './run.ts';

const logger = createLogger({ service: 'tokenizer' });

await runUntilSignal(logger, (signal) => runTokenizer(process.env, logger, signal));
endSoon();
