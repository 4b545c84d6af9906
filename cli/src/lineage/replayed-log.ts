import { AlphapoError } from '@alphapo/base';
import type { EventLog, LogRecord, ReadOptions } from '@alphapo/messaging';

/**
 * The log of a run as an optimizer sees it that takes the run's steps again: topics end with the record at the offset
 * that `ends` has for them, and nothing is written, made or fenced, so the run itself may go on meanwhile.
 */
export function replayedLog(log: EventLog, ends: ReadonlyMap<string, bigint>): EventLog {
  return {
    ensureTopics: async () => {},
    partitions: (topic) => log.partitions(topic),
    // What removes records some day does not concern a replay now.
    retention: async () => ({ maxAgeMs: 'unlimited', maxBytes: 'unlimited', compacted: false }),
    replication: (topic) => log.replication(topic),
    bounds: (topic, partition) => log.bounds(topic, partition),
    lag: (group, topic) => log.lag(group, topic),
    read(topic, partition, from, options) {
      const last = ends.get(topic);
      if (last === undefined) return log.read(topic, partition, from, options);
      return readUpTo(log, { topic, partition, from, last }, options);
    },
    writer: async (id) => ({
      id,
      async write(records) {
        if (records.length > 0) throw readOnly();
      },
      [Symbol.asyncDispose]: async () => {},
    }),
    append: async () => {
      throw readOnly();
    },
    transform: async () => {
      throw readOnly();
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

interface Range {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  /** The last offset that is read. */
  readonly last: bigint;
}

async function* readUpTo(
  log: EventLog,
  { topic, partition, from, last }: Range,
  options: ReadOptions,
): AsyncGenerator<readonly LogRecord[]> {
  if (from > last) return;
  for await (const records of log.read(topic, partition, from, options)) {
    const wanted = records.filter(({ offset }) => offset <= last);
    if (wanted.length > 0) yield wanted;
    if ((records.at(-1)?.offset ?? -1n) >= last) return;
  }
}

/** A step that was published is compared, and no other one is taken: nothing asks for this. */
function readOnly(): AlphapoError {
  return new AlphapoError('internal', 'REPLAY_WRITES', 'a replay writes nothing to the log of its run');
}
