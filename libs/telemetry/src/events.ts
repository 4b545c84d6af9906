import type { NoFields } from './logger.ts';

/** What every process logs. */
export type TelemetryEvents = {
  /** A signal asks the process to stop. */
  'process.stopping': { readonly signal: NodeJS.Signals };
  /** The process ends as it was asked to, or because its work is done. */
  'process.stopped': NoFields;
  /** The process ends with exit code 1. Level: error. */
  'process.failed': { readonly error: unknown };
  /** ALPHAPO_TERMINATION_MESSAGE names a file that cannot be written. Level: warn. */
  'termination-message.not-written': { readonly file: string; readonly error: unknown };
  /** Metrics are served at this address. */
  'metrics-server.started': { readonly address: string };
};
