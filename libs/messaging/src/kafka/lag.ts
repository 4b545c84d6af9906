import type { Bounds, PartitionLag } from '../event-log.ts';
import type { KafkaAdmin } from './admin.ts';
import type { Fetcher } from './fetcher.ts';

/**
 * A group's lag. The difference of offsets counts the markers of transactions too, and would stay above zero behind
 * the last one; so what follows the committed offset is looked at, and the lag counted from the next record there is.
 */
export async function lagOf(
  admin: KafkaAdmin,
  fetcher: Fetcher,
  group: string,
  topic: string,
): Promise<PartitionLag[]> {
  const [bounds, committed] = [await admin.allBounds(topic), await admin.committed(group, topic)];
  const lags: PartitionLag[] = [];
  for (const [partition, range] of [...bounds].sort(([a], [b]) => a - b)) {
    const position = committed.get(partition);
    const from = position === undefined || position < range.first ? range.first : position;
    const unread = await nextRecord(fetcher, topic, partition, from, range);
    lags.push({ partition, committed: position, next: range.next, lag: range.next - unread });
  }
  return lags;
}

/** The offset of the first record from an offset on, or the end. */
async function nextRecord(fetcher: Fetcher, topic: string, partition: number, from: bigint, { next }: Bounds) {
  const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS);
  for (let offset = from; offset < next; ) {
    const fetched = await fetcher.fetch({ topic, partition, offset }, 0, signal);
    const first = fetched?.records[0];
    if (first !== undefined) return first.offset < next ? first.offset : next;
    if (fetched === undefined || fetched.nextOffset === offset) return offset;
    offset = fetched.nextOffset;
  }
  return next;
}

const LOOK_TIMEOUT_MS = 10_000;
