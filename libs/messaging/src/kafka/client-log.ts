import { type LogEntry, logLevel } from 'kafkajs';
import type { EventLogger } from '../logger.ts';

/**
 * What kafkajs logs about things that pass by themselves while topics are made, leaders and coordinators chosen, and groups formed:
 * brokers' answers that it, or whoever called it, asks again after.
 */
const PASSING: readonly RegExp[] = [
  /does not host this topic-partition/,
  /no leader for this topic-partition/,
  /not the leader for that topic-partition/,
  /coordinator is loading/,
  /coordinator is not available/,
  /not the correct coordinator/,
  /group is rebalancing/,
  /member id/i,
  /another concurrent operation/,
  // Another service has made the topic a moment before.
  /Topic creation errors/,
];
/** kafkajs logs this whenever a producer has a number of retries. */
const NEEDLESS = /^Limiting retries for the idempotent producer/;

/** A problem repeated for this long does not pass by itself. */
const LASTING_MS = 30_000;
/** A problem not repeated for this long has passed. */
const PASSED_MS = 10_000;
/** Interval of warnings about a lasting problem. */
const REPEAT_MS = 60_000;

interface Sighting {
  firstMs: number;
  lastMs: number;
  warnedMs: number | undefined;
}

/**
 * Hands on what kafkajs logs as the event `kafka-client.logged`. What passes by itself is a matter for debugging, until it has lasted for half
 * a minute: then it is a warning, once a minute. All else is a warning at once.
 */
export class ClientLog {
  readonly #logger: EventLogger;
  readonly #nowMs: () => number;
  readonly #sightings = new Map<string, Sighting>();

  constructor(logger: EventLogger, nowMs: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  write({ namespace, level, log }: LogEntry): void {
    const { message, timestamp: _timestamp, logger: _logger, ...fields } = log;
    this.#logger(this.#severity(level, message, fields), 'kafka-client.logged', { namespace, message, ...fields });
  }

  #severity(level: logLevel, message: string, { error }: Readonly<Record<string, unknown>>): 'debug' | 'info' | 'warn' {
    if (level === logLevel.DEBUG || NEEDLESS.test(message)) return 'debug';
    if (level === logLevel.INFO) return 'info';
    // kafkajs calls each retried request an error; only what reaches a caller is one.
    const text = `${message} ${error ?? ''}`;
    const kind = PASSING.find((pattern) => pattern.test(text));
    return kind === undefined || this.#lasts(kind.source) ? 'warn' : 'debug';
  }

  #lasts(kind: string): boolean {
    const now = this.#nowMs();
    const known = this.#sightings.get(kind);
    const sighting =
      known === undefined || now - known.lastMs > PASSED_MS
        ? { firstMs: now, lastMs: now, warnedMs: undefined }
        : { ...known, lastMs: now };
    const due = sighting.warnedMs === undefined || now - sighting.warnedMs >= REPEAT_MS;
    const lasts = now - sighting.firstMs >= LASTING_MS && due;
    this.#sightings.set(kind, lasts ? { ...sighting, warnedMs: now } : sighting);
    return lasts;
  }
}
