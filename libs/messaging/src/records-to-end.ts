import type { EventLog, LogRecord } from './event-log.ts';

/** The records of a partition from its first one to its end as of now; fewer where the signal aborts. */
export async function* recordsToEnd(
  log: EventLog,
  topic: string,
  partition: number,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<LogRecord> {
  const { first } = await log.bounds(topic, partition);
  for await (const records of log.read(topic, partition, first, { signal, stop: 'at-end' })) yield* records;
}
