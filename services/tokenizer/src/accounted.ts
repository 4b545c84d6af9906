import { deadLetterFromHeaders, PreferenceBatch, type Topics } from '@alphapo/contracts';
import { type EventLog, type PartitionTask, recordsToEnd } from '@alphapo/messaging';

type Place = Pick<PartitionTask, 'topic' | 'partition' | 'startOffset' | 'signal'>;

/**
 * The offset up to which batches and dead letters cover a partition's records. Normally the group's committed offset is the same.
 * But Kafka deletes it when the group was empty for a week (offsets.retention.minutes), and the partition would be read from its
 * beginning again. So the topics are searched if the task starts at the beginning.
 */
export async function accountedTo(log: EventLog, topics: Topics, place: Place): Promise<bigint> {
  const { topic, partition, startOffset, signal } = place;
  const { first } = await log.bounds(topic, partition);
  if (startOffset > first) return startOffset;
  let accounted = startOffset;
  const account = (offset: bigint) => {
    if (offset > accounted) accounted = offset;
  };
  for await (const { value } of recordsToEnd(log, topics.preferenceBatches, 0, signal)) {
    const { source } = PreferenceBatch.decode(value ?? new Uint8Array());
    if (source?.topic === topic && source.partition === partition) account(source.nextOffset);
  }
  for await (const { headers } of recordsToEnd(log, topics.deadLetters, 0, signal)) {
    const letter = deadLetterFromHeaders(headers);
    if (letter.topic === topic && letter.partition === partition) account(letter.offset + 1n);
  }
  return accounted;
}
