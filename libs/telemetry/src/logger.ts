import { AlphapoError } from '@alphapo/base';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
type LogFields = Readonly<Record<string, unknown>>;
/** The fields of an event without fields. */
export type NoFields = Readonly<Record<string, never>>;

/** The fields of an event; they may be left out if none is required. */
type FieldsOf<Fields> = Record<never, never> extends Fields ? [fields?: Fields] : [fields: Fields];

/** What to do when an event happens, by its name. */
type EventHandlers<Events> = { readonly [Name in keyof Events]?: (fields: Events[Name]) => void };

declare const EVENTS: unique symbol;

/**
 * Structured events, one JSON line each: a stable name and fields, no prose. `Events` has the fields of each event by its name: a
 * type alias that stands in the package's `events.ts`. A logger of more events can be used where one of fewer is expected. Without the
 * argument a logger takes any event.
 *
 * Names are `subject.happened`, both in kebab-case: a thing of the glossary in the singular, and a past participle or a state
 * (`scorer.quarantined`, `run.ended-early`; `not-` before what should have happened and did not).
 */
// biome-ignore lint/suspicious/noExplicitAny: only any stands for every list of events at once.
export interface Logger<Events = any> {
  debug<Name extends keyof Events & string>(event: Name, ...fields: FieldsOf<Events[Name]>): void;
  info<Name extends keyof Events & string>(event: Name, ...fields: FieldsOf<Events[Name]>): void;
  warn<Name extends keyof Events & string>(event: Name, ...fields: FieldsOf<Events[Name]>): void;
  error<Name extends keyof Events & string>(event: Name, ...fields: FieldsOf<Events[Name]>): void;
  /** Logs at the given level. Needs no `this`, so packages below this one can be given it as a function. */
  log<Name extends keyof Events & string>(
    level: Exclude<LogLevel, 'silent'>,
    event: Name,
    ...fields: FieldsOf<Events[Name]>
  ): void;
  /** A logger whose events all carry these fields; one of the same name takes the place of an earlier one. */
  with(fields: LogFields): Logger<Events>;
  /** Calls the handlers with the fields of each such event, whatever its level, until the result is disposed of. */
  on(handlers: EventHandlers<Events>): Disposable;
  /** Never there. For the compiler, which otherwise lets a logger of fewer events pass as one of more. */
  readonly [EVENTS]?: Events;
}

type Handlers = Readonly<Record<string, ((fields: LogFields) => void) | undefined>>;

/** Logs to standard error, so that standard output stays free for results. */
// biome-ignore lint/suspicious/noExplicitAny: as for Logger.
export function createLogger<Events = any>(options: {
  service: string;
  level?: LogLevel;
  stream?: DestinationStream;
}): Logger<Events> {
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
function wrap(logger: PinoLogger, bound: Record<string, unknown>, listeners: Set<Handlers>): Logger {
  const log = (level: Exclude<LogLevel, 'silent'>, event: string, fields: LogFields = {}) => {
    logger[level]({ ...bound, ...printable(fields) }, event);
    for (const handlers of listeners) handlers[event]?.(fields);
  };
  return {
    debug: (...event) => log('debug', ...event),
    info: (...event) => log('info', ...event),
    warn: (...event) => log('warn', ...event),
    error: (...event) => log('error', ...event),
    log,
    with: (fields) => wrap(logger, { ...bound, ...printable(fields) }, listeners),
    on(handlers) {
      listeners.add(handlers);
      return { [Symbol.dispose]: () => void listeners.delete(handlers) };
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
