import { AlphapoError, messageOf, within } from '@alphapo/base';
import { writerClosed } from '../errors.ts';
import type { EventLog, FencedWriter, WritePlaces } from '../event-log.ts';
import { silentLogger } from '../logger.ts';
import type { MembershipListener } from '../transform/backend.ts';
import { runTransform } from '../transform/loop.ts';
import { KafkaAdmin } from './admin.ts';
import { Appender } from './appender.ts';
import { KafkaClients } from './client.ts';
import { isRefusal, kafkaFailure } from './failures.ts';
import { Fetcher, LOOK_BYTES } from './fetcher.ts';
import { lagOf } from './lag.ts';
import { joinGroup } from './membership.ts';
import { DEFAULT_CONNECT_TIMEOUT_MS, type KafkaOptions } from './options.ts';
import { readPartition } from './reader.ts';
import { openSession } from './session.ts';
import { Transactions } from './transactions.ts';

/**
 * The event log on Apache Kafka 2.3 or later. Fails within `connectTimeoutMs` with KAFKA_UNREACHABLE where no broker
 * answers; once open, it outlasts brokers that go away and come back.
 */
export async function openKafkaEventLog(options: KafkaOptions): Promise<EventLog> {
  await requireReachable(options);
  const clients = new KafkaClients(options);
  const admin = new KafkaAdmin(clients);
  const appender = new Appender(clients, admin);
  // They ask whether there is a record, not for all that there are.
  const looks = new Fetcher(clients, LOOK_BYTES);
  const closing = new AbortController();
  const transforms = new Set<Promise<void>>();

  return {
    async ensureTopics(topics) {
      for (const topic of topics) await admin.ensureTopic(topic);
    },
    partitions: (topic) => admin.partitions(topic),
    retention: (topic) => admin.retention(topic),
    replication: (topic) => admin.replication(topic),
    bounds: (topic, partition) => admin.bounds(topic, partition),
    append: (records) => appender.append(records),
    read: (topic, partition, fromOffset, readOptions) =>
      readPartition(clients, topic, partition, fromOffset, {
        ...readOptions,
        signal: AbortSignal.any([readOptions.signal, closing.signal]),
      }),
    writer: (id, places) => openWriter(clients, admin, id, places),
    transform(transformOptions) {
      const backend = {
        join: (listener: MembershipListener) => joinGroup(clients, transformOptions, listener),
        open: (partition: number) => openSession(clients, admin, transformOptions, partition),
      };
      const signal = AbortSignal.any([transformOptions.signal, closing.signal]);
      const running = runTransform(backend, { ...transformOptions, signal }, clients.logger);
      transforms.add(running);
      return running.finally(() => transforms.delete(running));
    },
    lag: (group, topic) => lagOf(admin, looks, group, topic),
    async [Symbol.asyncDispose]() {
      closing.abort();
      await Promise.allSettled(transforms);
      await Promise.all([appender, admin, looks].map((resource) => resource[Symbol.asyncDispose]()));
    },
  };
}

async function openWriter(
  clients: KafkaClients,
  admin: KafkaAdmin,
  id: string,
  places?: WritePlaces,
): Promise<FencedWriter> {
  const transactions = await Transactions.open(
    clients,
    admin,
    id,
    places === undefined ? undefined : async () => places,
  );
  let open = true;
  return {
    id,
    async write(records, positions = []) {
      if (!open) throw writerClosed(id);
      try {
        await transactions.publish(records, positions);
      } catch (error) {
        open = false;
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      open = false;
      await transactions[Symbol.asyncDispose]();
    },
  };
}

/**
 * One round trip to a bootstrap address and one to the address that the cluster advertises. kafkajs's log of each attempt is
 * dropped: the error says it once, and waiting for brokers may take hours.
 */
async function requireReachable(options: KafkaOptions): Promise<void> {
  const { brokers, connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS, logger = silentLogger } = options;
  const clients = new KafkaClients({ ...options, logger: (_level, ...event) => logger('debug', ...event) });
  const admin = clients.kafka({ initialRetryTime: 50, maxRetryTime: 200, retries: 2 + brokers.length }).admin();
  const late = (): never => {
    throw new Error(`no answer within ${connectTimeoutMs} ms`);
  };
  const greeting = admin.connect().then(() => admin.describeCluster());
  try {
    await within(connectTimeoutMs, greeting, late);
  } catch (error) {
    if (isRefusal(error)) throw kafkaFailure('the connection', error);
    throw new AlphapoError(
      'unavailable',
      'KAFKA_UNREACHABLE',
      `no Kafka broker can be reached at ${brokers.join(', ')} (${messageOf(error)}); check that Kafka runs, that ` +
        'KAFKA_BROKERS names its addresses, that its advertised addresses can be reached from here, and whether it requires TLS (KAFKA_TLS) ' +
        'and has a certificate from a trusted authority (KAFKA_TLS_CA)',
      { cause: error, metadata: { brokers: brokers.join(',') } },
    );
  } finally {
    void admin.disconnect().catch(() => {});
  }
}
