export type { TelemetryEvents } from './events.ts';
export { createLogger, type Logger, type LogLevel, type NoFields } from './logger.ts';
export { meter, SECONDS_BUCKETS } from './meter.ts';
export { type Measuring, serveMetrics } from './metrics-server.ts';
export { metricsSettings } from './metrics-settings.ts';
export { endSoon, runUntilSignal } from './process.ts';
