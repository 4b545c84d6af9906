import { AlphapoError } from '@alphapo/base';
import { parseEnvironment } from '@alphapo/contracts';
import { z } from 'zod';
import { openEmbeddedEventLog } from './embedded/embedded-event-log.ts';
import type { EventLog } from './event-log.ts';
import { openKafkaEventLog } from './kafka/kafka-event-log.ts';
import { kafkaSecurityFrom } from './kafka/security.ts';
import type { EventLogger } from './logger.ts';
import { patiently, type Waiting } from './patience.ts';
import { patientLog } from './patient-log.ts';

const environmentSchema = z.object({
  KAFKA_BROKERS: z.string().optional().describe('host:port of Kafka brokers, separated by commas'),
  ALPHAPO_LOG: z.string().optional().describe('file of an embedded log, for one machine without Kafka'),
});

export interface ConfiguredLogOptions {
  readonly clientId: string;
  readonly logger: EventLogger;
}

/**
 * Opens the log that the environment names: KAFKA_BROKERS, or ALPHAPO_LOG for one machine. Errors: NO_EVENT_LOG where
 * neither is set, INVALID_CONFIGURATION where both are, and those of `kafkaSecurityFrom` and of opening the log.
 */
export async function openConfiguredLog(
  environment: NodeJS.ProcessEnv,
  options: ConfiguredLogOptions,
): Promise<EventLog> {
  const { KAFKA_BROKERS: brokers, ALPHAPO_LOG: path } = parseEnvironment(environmentSchema, environment);
  if (brokers !== undefined && path !== undefined) {
    throw new AlphapoError('invalid-argument', 'INVALID_CONFIGURATION', 'set KAFKA_BROKERS or ALPHAPO_LOG, not both');
  }
  if (brokers !== undefined) {
    const security = await kafkaSecurityFrom(environment);
    return openKafkaEventLog({ brokers: brokers.split(',').map((b) => b.trim()), ...security, ...options });
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
 * the log later, until the signal. Says so in the logger as `log.awaited`. Errors: STOPPED (cancelled) by the signal, and
 * those of `openConfiguredLog` that waiting does not cure.
 */
export async function awaitConfiguredLog(
  environment: NodeJS.ProcessEnv,
  { signal, ...options }: ConfiguredLogOptions & { readonly signal: AbortSignal },
): Promise<EventLog> {
  const { logger } = options;
  const patience = { signal, onWaiting: (waiting: Waiting) => logger('warn', 'log.awaited', { ...waiting }) };
  const log = await patiently('opening the event log', () => openConfiguredLog(environment, options), patience);
  return patientLog(log, patience);
}
