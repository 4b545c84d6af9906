/** Receives structured events with stable names; the service maps it onto its own logger. */
export type EventLogger = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

export const silentLogger: EventLogger = () => {};
