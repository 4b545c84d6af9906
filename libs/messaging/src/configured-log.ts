import { AlphapoError } from '@alphapo/base';
import { resolveSettings, type SettingSources } from '@alphapo/settings';
import { openEmbeddedEventLog } from './embedded/embedded-event-log.ts';
import type { EventLog } from './event-log.ts';
import { eventLogSettings } from './event-log-settings.ts';
import { openKafkaEventLog } from './kafka/kafka-event-log.ts';
import { kafkaSecurityFrom } from './kafka/security.ts';
import type { EventLogger } from './logger.ts';
import { patiently, type Waiting } from './patience.ts';
import { patientLog } from './patient-log.ts';

export interface ConfiguredLogOptions {
  readonly clientId: string;
  readonly logger: EventLogger;
}

/**
 * Opens the log that the settings name: Kafka's brokers, or a file for one machine. Errors: NO_EVENT_LOG where
 * neither is set, INVALID_CONFIGURATION where both are, and those of `kafkaSecurityFrom` and of opening the log.
 */
export async function openConfiguredLog(sources: SettingSources, options: ConfiguredLogOptions): Promise<EventLog> {
  const values = resolveSettings(eventLogSettings, sources);
  const { brokers, log: path } = values;
  if (brokers !== undefined && path !== undefined) {
    throw new AlphapoError('invalid-argument', 'INVALID_CONFIGURATION', 'set KAFKA_BROKERS or ALPHAPO_LOG, not both');
  }
  if (brokers !== undefined) {
    const security = await kafkaSecurityFrom(values, sources);
    return openKafkaEventLog({ brokers, ...security, ...options });
  }
  if (path !== undefined) return openEmbeddedEventLog({ path, logger: options.logger });
  throw new AlphapoError(
    'invalid-argument',
    'NO_EVENT_LOG',
    'no event log: set KAFKA_BROKERS to the brokers (host:port,…), or ALPHAPO_LOG to a file for one machine',
  );
}

/**
 * As `openConfiguredLog`, for services: where no broker answers it waits for one, and so do all questions that are asked of
 * the log later, until the signal. Says so in the logger as `event-log.awaited`. Errors: STOPPED (cancelled) by the signal, and
 * those of `openConfiguredLog` that waiting does not cure.
 */
export async function awaitConfiguredLog(
  sources: SettingSources,
  { signal, ...options }: ConfiguredLogOptions & { readonly signal: AbortSignal },
): Promise<EventLog> {
  const { logger } = options;
  const patience = { signal, onWaiting: (waiting: Waiting) => logger('warn', 'event-log.awaited', { ...waiting }) };
  const log = await patiently('opening the event log', () => openConfiguredLog(sources, options), patience);
  return patientLog(log, patience);
}
