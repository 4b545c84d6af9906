import { AlphapoError } from '@alphapo/base';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured events, one JSON line each: a stable name and fields, no prose. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger whose events all carry these fields; one of the same name takes the place of an earlier one. */
  with(fields: LogFields): Logger;
  /** Tells the listener each event of this logger and those made of it, whatever the level, until it is disposed of. */
  subscribe(listener: EventListener): Disposable;
}

type EventListener = (event: string, fields: LogFields) => void;

/** Logs to standard error, so that standard output stays free for results. */
export function createLogger(options: { service: string; level?: LogLevel; stream?: DestinationStream }): Logger {
  const destination = options.stream ?? pino.destination({ fd: 2, sync: true });
  const root: PinoLogger = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return wrap(root, { service: options.service }, new Set());
}

/** Fields that a line has of itself. */
const OWN: ReadonlySet<string> = new Set(['level', 'time', 'event']);

/** `bound`: fields of every event. They are merged here: pino would write a field that is given again a second time. */
function wrap(logger: PinoLogger, bound: Record<string, unknown>, listeners: Set<EventListener>): Logger {
  const at =
    (level: Exclude<LogLevel, 'silent'>) =>
    (event: string, fields: LogFields = {}) => {
      logger[level]({ ...bound, ...printable(fields) }, event);
      for (const listener of listeners) listener(event, fields);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => wrap(logger, { ...bound, ...printable(fields) }, listeners),
    subscribe(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}

/**
 * Values that JSON lacks: 64-bit integers become text, errors their code, reason, message and cause. A field with a name of the
 * line's own gets an underscore behind it.
 */
function printable(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [OWN.has(key) ? `${key}_` : key, printableValue(value)]),
  );
}

function printableValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  const cause = value.cause === undefined ? {} : { cause: printableValue(value.cause) };
  if (value instanceof AlphapoError) {
    return { code: value.code, reason: value.reason, message: value.message, ...value.metadata, ...cause };
  }
  return { message: value.message, stack: value.stack, ...cause };
}
