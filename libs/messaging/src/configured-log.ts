import { AlphapoError } from '@alphapo/base';
import { parseEnvironment } from '@alphapo/contracts';
import { z } from 'zod';
import { openEmbeddedEventLog } from './embedded/embedded-event-log.ts';
import type { EventLog } from './event-log.ts';
import { openKafkaEventLog } from './kafka/kafka-event-log.ts';
import { kafkaSecurityFrom } from './kafka/security.ts';
import type { EventLogger } from './logger.ts';

const environmentSchema = z.object({
  KAFKA_BROKERS: z.string().optional().describe('host:port of Kafka brokers, separated by commas'),
  ALPHAPO_LOG: z.string().optional().describe('file of an embedded log, for one machine without Kafka'),
});

/**
 * Opens the log that the environment names: KAFKA_BROKERS, or ALPHAPO_LOG for one machine. Errors: NO_EVENT_LOG where
 * neither is set, INVALID_CONFIGURATION where both are, and those of `kafkaSecurityFrom` and of opening the log.
 */
export async function openConfiguredLog(
  environment: NodeJS.ProcessEnv,
  options: { readonly clientId: string; readonly logger: EventLogger },
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
