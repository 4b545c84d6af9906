import type { EventLog } from './event-log.ts';
import { type Patience, patiently } from './patience.ts';

/**
 * The log, with reads that retry while its brokers are unreachable, until the signal: then they fail with STOPPED. Writes are
 * unchanged, because only their caller knows whether they may be repeated.
 */
export function patientLog(log: EventLog, patience: Patience): EventLog {
  return {
    ensureTopics: (topics) => patiently('making topics', () => log.ensureTopics(topics), patience),
    partitions: (topic) => patiently(`looking up topic "${topic}"`, () => log.partitions(topic), patience),
    retention: (topic) => patiently(`reading the settings of topic "${topic}"`, () => log.retention(topic), patience),
    replication: (topic) => patiently(`looking up topic "${topic}"`, () => log.replication(topic), patience),
    bounds: (topic, partition) =>
      patiently(`reading the bounds of topic "${topic}"`, () => log.bounds(topic, partition), patience),
    lag: (group, topic) => patiently(`reading the lag of group "${group}"`, () => log.lag(group, topic), patience),
    append: (records) => log.append(records),
    read: (topic, partition, fromOffset, options) => log.read(topic, partition, fromOffset, options),
    writer: (id, places) => log.writer(id, places),
    transform: (options) => log.transform(options),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
