import { AlphapoError, within } from '@alphapo/base';
import type { EventLog } from '@alphapo/messaging';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import type { Lag } from './decide.ts';

/** How long the answer is waited for: a broker that is away must not hold up the rest. */
const ANSWER_MS = 10_000;

/** What groups have not read, from a log that may be away: it is opened when it can be, and again when it was lost. */
export class Lags implements AsyncDisposable {
  readonly #open: () => Promise<EventLog>;
  readonly #logger: Logger<AutoscalerEvents>;
  #log: Promise<EventLog> | undefined;

  constructor(open: () => Promise<EventLog>, logger: Logger<AutoscalerEvents>) {
    this.#open = open;
    this.#logger = logger;
  }

  /** Undefined where the log does not answer. A topic that is not there yet has no records. */
  async of(group: string, topic: string): Promise<Lag | undefined> {
    try {
      const log = await within(ANSWER_MS, this.#opened(), logSilent);
      const partitions = await within(ANSWER_MS, log.lag(group, topic), logSilent);
      const unread = partitions.filter(({ lag }) => lag > 0n);
      return { records: unread.reduce((sum, { lag }) => sum + Number(lag), 0), partitions: unread.length };
    } catch (error) {
      if (error instanceof AlphapoError && error.code === 'not-found') return { records: 0, partitions: 0 };
      this.#logger.warn('lag.unknown', { group, topic, error });
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const log = await this.#log?.catch(() => undefined);
    await log?.[Symbol.asyncDispose]();
  }

  #opened(): Promise<EventLog> {
    this.#log ??= this.#open().catch((error: unknown) => {
      this.#log = undefined;
      throw error;
    });
    return this.#log;
  }
}

function logSilent(): never {
  throw new AlphapoError('unavailable', 'LOG_SILENT', `the event log did not answer within ${ANSWER_MS} ms`);
}
