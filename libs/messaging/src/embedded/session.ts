import { recordsExpired } from '../errors.ts';
import type { LogRecord, OutgoingRecord } from '../event-log.ts';
import type { PartitionSession } from '../transform/backend.ts';
import { nextChange, POLL_INTERVAL_MS } from './changes.ts';
import type { Store } from './store.ts';

/** Takes over an input partition: first the fence, then the committed offset, which only this owner can now move. */
export function openSession(store: Store, group: string, topic: string, partition: number): PartitionSession {
  const fence = `transform.${group}.${topic}.${partition}`;
  const epoch = store.fence(fence);
  const { first } = store.bounds(topic, partition);
  const startOffset = store.committed(group, topic, partition) ?? first;
  if (startOffset < first) throw recordsExpired(group, topic, partition, startOffset, first);
  let position = startOffset;

  return {
    startOffset,
    async fetch(timeoutMs, signal): Promise<readonly LogRecord[]> {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        await new Promise(setImmediate);
        const records = store.read(topic, partition, position);
        const last = records.at(-1);
        if (last !== undefined) position = last.offset + 1n;
        const remainingMs = deadline - performance.now();
        if (last !== undefined || remainingMs <= 0 || signal.aborted) return records;
        await nextChange(store.database.identity, Math.min(remainingMs, POLL_INTERVAL_MS), signal);
      }
    },
    async commit(outputs: readonly OutgoingRecord[], nextOffset: bigint): Promise<void> {
      store.publish(fence, epoch, outputs, [{ group, topic, partition, nextOffset }]);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
