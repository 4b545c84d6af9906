import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fenced, writerClosed } from '../errors.ts';
import type { EventLog, FencedWriter } from '../event-log.ts';
import { type EventLogger, silentLogger } from '../logger.ts';
import { runTransform } from '../transform/loop.ts';
import { Database } from './database.ts';
import { joinGroup } from './membership.ts';
import { readPartition } from './reader.ts';
import { openSession } from './session.ts';
import { Store } from './store.ts';

export interface EmbeddedOptions {
  /** The log's file, made where absent; ':memory:' for one that ends with the instance. */
  readonly path: string;
  readonly logger?: EventLogger;
}

/**
 * The event log in one SQLite file, for one machine. Any number of instances, in one process or several, may share the
 * file. A commit is one fsync; readers in the same process are woken at once, those in others within 200 ms.
 */
export function openEmbeddedEventLog({ path, logger = silentLogger }: EmbeddedOptions): EventLog {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
  const database = new Database(path);
  const store = new Store(database);
  const closing = new AbortController();
  const transforms = new Set<Promise<void>>();

  return {
    async ensureTopics(topics) {
      for (const topic of topics) store.ensureTopic(topic);
    },
    partitions: async (topic) => store.partitions(topic),
    retention: async (topic) => store.retention(topic),
    async replication(topic) {
      store.partitions(topic);
      return { replicas: 1, minInSync: 1 };
    },
    bounds: async (topic, partition) => store.bounds(topic, partition),
    append: async (records) => store.append(records),
    read: (topic, partition, fromOffset, options) =>
      readPartition(store, topic, partition, fromOffset, {
        ...options,
        signal: AbortSignal.any([options.signal, closing.signal]),
      }),
    writer: async (id) => openWriter(store, id),
    transform(options) {
      const backend = {
        join: (listener: Parameters<typeof joinGroup>[2]) => joinGroup(store, options, listener),
        open: async (partition: number) => openSession(store, options.group, options.topic, partition),
      };
      const signal = AbortSignal.any([options.signal, closing.signal]);
      const running = runTransform(backend, { ...options, signal }, logger);
      transforms.add(running);
      return running.finally(() => transforms.delete(running));
    },
    async lag(group, topic) {
      return Array.from({ length: store.partitions(topic) }, (_, partition) => {
        const { first, next } = store.bounds(topic, partition);
        const committed = store.committed(group, topic, partition);
        const from = committed === undefined || committed < first ? first : committed;
        return { partition, committed, next, lag: next - from };
      });
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await Promise.allSettled(transforms);
      database[Symbol.dispose]();
    },
  };
}

function openWriter(store: Store, id: string): FencedWriter {
  const fence = `writer.${id}`;
  const epoch = store.fence(fence);
  let open = true;
  return {
    id,
    async write(records, positions = []) {
      if (!open) throw writerClosed(id);
      try {
        store.publish(fence, epoch, records, positions);
      } catch (error) {
        open = false;
        throw error instanceof Error && 'reason' in error && error.reason === 'FENCED' ? fenced(id, error) : error;
      }
    },
    [Symbol.asyncDispose]: async () => {
      open = false;
    },
  };
}
