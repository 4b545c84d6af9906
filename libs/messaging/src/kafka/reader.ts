import type { LogRecord, ReadOptions } from '../event-log.ts';
import type { KafkaClients } from './client.ts';
import { Fetcher } from './fetcher.ts';

/** How long a broker holds a fetch while there is nothing; also the longest that closing a reader takes. */
export const FETCH_WAIT_MS = 250;

/** See `EventLog.read`. While brokers are away it waits for them; the signal ends that too. */
export async function* readPartition(
  clients: KafkaClients,
  topic: string,
  partition: number,
  fromOffset: bigint,
  { signal, stop }: ReadOptions,
): AsyncGenerator<readonly LogRecord[]> {
  await using fetcher = new Fetcher(clients);
  let position = fromOffset;
  let end: bigint | undefined;
  while (end === undefined || position < end) {
    const waitMs = stop === 'at-end' ? 0 : FETCH_WAIT_MS;
    const fetched = await fetcher.fetch({ topic, partition, offset: position }, waitMs, signal);
    if (fetched === undefined) return;
    if (stop === 'at-end') end ??= fetched.end;
    position = fetched.nextOffset;
    const last = end;
    const records = last === undefined ? fetched.records : fetched.records.filter(({ offset }) => offset < last);
    if (records.length > 0) yield records;
  }
}
