import { AlphapoError, messageOf } from '@alphapo/base';
import { PreferenceBatch } from '@alphapo/contracts';
import type { EventLog, ReadOptions } from '@alphapo/messaging';

/** A batch of the ledger, and its place in it. */
export interface LedgerBatch {
  readonly batch: PreferenceBatch;
  readonly offset: bigint;
}

/** The batches of a topic's one partition from an offset on. Errors: BATCH_REFUSED with the offset. */
export async function* readBatches(
  log: EventLog,
  topic: string,
  fromOffset: bigint,
  options: ReadOptions,
): AsyncGenerator<LedgerBatch> {
  for await (const records of log.read(topic, 0, fromOffset, options)) {
    for (const { value, offset } of records) yield { batch: decodeBatch(value, offset), offset };
  }
}

/** The batches of the ledger up to an offset. */
export async function* batchesBefore(
  end: bigint,
  log: EventLog,
  topic: string,
  signal: AbortSignal,
): AsyncGenerator<PreferenceBatch> {
  const { first } = await log.bounds(topic, 0);
  for await (const { batch, offset } of readBatches(log, topic, first, { signal, stop: 'at-end' })) {
    if (offset >= end) return;
    yield batch;
  }
}

function decodeBatch(value: Uint8Array | null, offset: bigint): PreferenceBatch {
  if (value === null) throw batchError(offset, 'is empty', 'the topic must not be compacted');
  try {
    return PreferenceBatch.decode(value);
  } catch (error) {
    throw batchError(
      offset,
      `is not a PreferenceBatch: ${messageOf(error)}`,
      'only the tokenizer may write to this topic',
    );
  }
}

export function batchError(offset: bigint, problem: string, advice: string): AlphapoError {
  return new AlphapoError('failed-precondition', 'BATCH_REFUSED', `batch at offset ${offset} ${problem}: ${advice}`, {
    metadata: { offset: `${offset}` },
  });
}
