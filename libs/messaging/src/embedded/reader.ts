import { offsetOutOfRange } from '../errors.ts';
import type { LogRecord, ReadOptions } from '../event-log.ts';
import { nextChange, POLL_INTERVAL_MS } from './changes.ts';
import type { Store } from './store.ts';

/** See `EventLog.read`. */
export async function* readPartition(
  store: Store,
  topic: string,
  partition: number,
  fromOffset: bigint,
  { signal, stop }: ReadOptions,
): AsyncGenerator<readonly LogRecord[]> {
  const { first, next } = store.bounds(topic, partition);
  if (fromOffset < first || fromOffset > next) throw offsetOutOfRange(topic, partition, fromOffset);
  const end = stop === 'at-end' ? next : undefined;
  let position = fromOffset;
  while (!signal.aborted && (end === undefined || position < end)) {
    const records = store.read(topic, partition, position, end);
    const last = records.at(-1);
    if (last === undefined) {
      if (end !== undefined) return;
      await nextChange(store.database.identity, POLL_INTERVAL_MS, signal);
      continue;
    }
    position = last.offset + 1n;
    yield records;
    // Let others run: everything above is synchronous.
    await new Promise(setImmediate);
  }
}
