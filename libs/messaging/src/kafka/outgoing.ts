import { MAX_RECORD_BYTES } from '@alphapo/base';
import type { TopicMessages } from 'kafkajs';
import { partitionNotFound, recordTooLarge } from '../errors.ts';
import type { OutgoingRecord } from '../event-log.ts';
import { partitionOfKey } from '../partitioner.ts';
import type { KafkaAdmin } from './admin.ts';

/** Below a topic's default limit of 1 MiB per batch; a larger record is sent alone. */
const REQUEST_BYTES = 900_000;
/** A record's own lengths and deltas, at most. */
const RECORD_OVERHEAD_BYTES = 64;

/**
 * Splits records into requests for kafkajs, in order, each with its partition set: kafkajs silently loses records for a missing
 * partition, and duplicates records whose partition it chooses again at a retry.
 */
export async function requestsOf(records: readonly OutgoingRecord[], admin: KafkaAdmin): Promise<TopicMessages[][]> {
  const requests: TopicMessages[][] = [];
  let current = new Map<string, TopicMessages>();
  let bytes = 0;
  for (const record of records) {
    const value = typeof record.value === 'string' ? Buffer.from(record.value) : asBuffer(record.value);
    if (value.length > MAX_RECORD_BYTES) throw recordTooLarge(record.topic, value.length);
    const partition = await partitionOf(record, admin);
    const headers = record.headers ?? {};
    const size = RECORD_OVERHEAD_BYTES + value.length + (record.key?.length ?? 0) + JSON.stringify(headers).length;
    if (bytes > 0 && bytes + size > REQUEST_BYTES) {
      requests.push([...current.values()]);
      current = new Map();
      bytes = 0;
    }
    bytes += size;
    const topic = current.get(record.topic) ?? { topic: record.topic, messages: [] };
    topic.messages.push({ key: record.key ?? null, value, headers: { ...headers }, partition });
    current.set(record.topic, topic);
  }
  if (bytes > 0) requests.push([...current.values()]);
  return requests;
}

async function partitionOf(record: OutgoingRecord, admin: KafkaAdmin): Promise<number> {
  const known = await admin.knownPartitions(record.topic);
  if (record.partition === undefined) return partitionOfKey(record.key, known);
  if (record.partition < known && record.partition >= 0) return record.partition;
  const partitions = await admin.partitions(record.topic);
  if (record.partition < partitions && record.partition >= 0) return record.partition;
  throw partitionNotFound(record.topic, record.partition, partitions);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
