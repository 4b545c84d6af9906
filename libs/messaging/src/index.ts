export { awaitConfiguredLog, openConfiguredLog } from './configured-log.ts';
export { type EmbeddedOptions, openEmbeddedEventLog } from './embedded/embedded-event-log.ts';
export type {
  Bounds,
  EventLog,
  FencedWriter,
  GroupPosition,
  LogRecord,
  OutgoingRecord,
  PartitionLag,
  PartitionTask,
  ReadOptions,
  TopicReplication,
  TopicRetention,
  TopicSpecification,
  TransformOptions,
} from './event-log.ts';
export { eventLogSettings } from './event-log-settings.ts';
export type { MessagingEvents } from './events.ts';
export { openKafkaEventLog } from './kafka/kafka-event-log.ts';
export type { KafkaCredentials, KafkaOptions } from './kafka/options.ts';
export { type EventLogger, silentLogger } from './logger.ts';
export { partitionOfKey } from './partitioner.ts';
export { partitionsFor } from './partitions.ts';
export { type Patience, patiently, type Waiting } from './patience.ts';
export { recordsToEnd } from './records-to-end.ts';
