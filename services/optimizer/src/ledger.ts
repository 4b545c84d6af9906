import { AlphapoError, messageOf } from '@alphapo/base';
import type { EventLog, TopicRetention } from '@alphapo/messaging';
import type { Logger } from '@alphapo/telemetry';
import type { OptimizerEvents } from './events.ts';

/**
 * Rejects ledger topics whose records the log may remove, because a run could then be neither resumed nor rebuilt. If the
 * settings may not be read, it logs that and continues. Errors: LEDGER_NOT_KEPT with each topic and setting.
 */
export async function requireKeptLedger(
  log: EventLog,
  topics: readonly string[],
  logger: Logger<OptimizerEvents>,
): Promise<void> {
  const wrong: string[] = [];
  for (const topic of topics) {
    try {
      wrong.push(...limitsOf(await log.retention(topic)).map((limit) => `${topic} has ${limit}`));
    } catch (error) {
      if (!(error instanceof AlphapoError) || error.reason !== 'KAFKA_REFUSED') throw error;
      logger.warn('retention.unknown', { topic, error: messageOf(error) });
    }
  }
  if (wrong.length === 0) return;
  throw new AlphapoError(
    'failed-precondition',
    'LEDGER_NOT_KEPT',
    `the ledger of a run must keep every record, but ${wrong.join('; ')}: set retention.ms=-1, retention.bytes=-1 and ` +
      'cleanup.policy=delete on these topics, for example with kafka-configs.sh --alter',
  );
}

function limitsOf({ maxAgeMs, maxBytes, compacted }: TopicRetention): string[] {
  return [
    ...(maxAgeMs === 'unlimited' ? [] : [`retention.ms=${maxAgeMs}`]),
    ...(maxBytes === 'unlimited' ? [] : [`retention.bytes=${maxBytes}`]),
    ...(compacted ? ['compaction in cleanup.policy'] : []),
  ];
}

/**
 * Refuses to go on from an offset whose batches are gone: the steps after it cannot be computed. Errors: LEDGER_CUT_OFF
 * with what is missing and what can be done.
 */
export async function requireBatchesFrom(log: EventLog, topic: string, offset: bigint): Promise<void> {
  const { first } = await log.bounds(topic, 0);
  if (offset >= first) return;
  const from = offset === 0n ? 'there is no intact checkpoint, and the run' : 'the newest intact checkpoint';
  throw ledgerCutOff(`${from} continues from offset ${offset} of ${topic}, which begins at ${first}`, topic);
}

/** Records of the ledger's beginning are gone. */
export function ledgerCutOff(problem: string, topic: string): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'LEDGER_CUT_OFF',
    `${problem}: the records before have been removed from the log. Restore a checkpoint (or the topic) from a backup, ` +
      'or start a new run with another topic prefix and folder, with --init-adapter from an export',
    { metadata: { topic } },
  );
}
