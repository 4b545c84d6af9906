import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, MAX_RECORD_BYTES, messageOf } from '@alphapo/base';
import type { Admin, ConfigResourceTypes, PartitionMetadata } from 'kafkajs';
import { partitionNotFound, partitionsDiffer, replicationImpossible, topicNotFound } from '../errors.ts';
import type { Bounds, TopicReplication, TopicRetention, TopicSpecification } from '../event-log.ts';
import { BRIEF_RETRY, type KafkaClients } from './client.ts';
import { disconnected } from './disconnected.ts';
import { hasType, kafkaFailure } from './failures.ts';

/** How long a question to the cluster outlasts brokers that are away. */
const PATIENCE_MS = 15_000;
const RETRY_DELAY_MS = 200;
const NEW_TOPIC_TYPES = ['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'];
/** What a batch adds around a record of the largest size. */
const BATCH_OVERHEAD_BYTES = 64 * 1024;
/** What Kafka's settings of a topic say for "no limit". */
const UNLIMITED = '-1';
/** kafkajs has a name for it, but none that Node.js finds. */
const TOPIC: ConfigResourceTypes = 2;
const BROKERS_DEFAULT = -1;
const MIN_IN_SYNC = 'min.insync.replicas';
const RETENTION_SETTINGS = ['retention.ms', 'retention.bytes', 'cleanup.policy'];

/** Topics, offsets and groups, as the cluster knows them. */
export class KafkaAdmin implements AsyncDisposable {
  #clients: KafkaClients;
  #admin: Admin | undefined;
  #partitionCounts = new Map<string, number>();

  constructor(clients: KafkaClients) {
    this.#clients = clients;
  }

  async ensureTopic(specification: TopicSpecification): Promise<void> {
    const { name, partitions } = specification;
    const existing = await this.partitions(name).catch((error) => {
      if (error instanceof AlphapoError && error.code === 'not-found') return undefined;
      throw error;
    });
    if (existing === undefined) {
      await this.#createTopic(specification);
      return;
    }
    if (existing !== partitions) throw partitionsDiffer(name, existing, partitions);
  }

  /** The number of partitions, always read from the brokers. */
  async partitions(topic: string): Promise<number> {
    const { length } = await this.#assignments(topic);
    this.#partitionCounts.set(topic, length);
    return length;
  }

  /** The number of partitions as last seen; topics keep theirs. */
  async knownPartitions(topic: string): Promise<number> {
    return this.#partitionCounts.get(topic) ?? this.partitions(topic);
  }

  async retention(topic: string): Promise<TopicRetention> {
    await this.knownPartitions(topic);
    const settings = await this.#settings(topic, RETENTION_SETTINGS);
    const limitOf = (name: string) => {
      const value = settings.get(name) ?? UNLIMITED;
      return value === UNLIMITED ? 'unlimited' : Number(value);
    };
    return {
      maxAgeMs: limitOf('retention.ms'),
      maxBytes: limitOf('retention.bytes'),
      compacted: settings.get('cleanup.policy')?.includes('compact') ?? false,
    };
  }

  async replication(topic: string): Promise<TopicReplication> {
    const assignments = await this.#assignments(topic);
    const settings = await this.#settings(topic, [MIN_IN_SYNC]);
    return {
      replicas: Math.min(...assignments.map(({ replicas }) => replicas.length)),
      minInSync: Number(settings.get(MIN_IN_SYNC)),
    };
  }

  async allBounds(topic: string): Promise<ReadonlyMap<number, Bounds>> {
    await this.knownPartitions(topic);
    const offsets = await this.#run(`reading the bounds of topic "${topic}"`, (admin) =>
      admin.fetchTopicOffsets(topic),
    );
    return new Map(offsets.map(({ partition, low, high }) => [partition, { first: BigInt(low), next: BigInt(high) }]));
  }

  async bounds(topic: string, partition: number): Promise<Bounds> {
    const all = await this.allBounds(topic);
    const bounds = all.get(partition);
    if (bounds === undefined) throw partitionNotFound(topic, partition, all.size);
    return bounds;
  }

  /** The committed offset of each partition that has one. */
  async committed(group: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    const [answer] = await this.#run(`reading the offsets of group "${group}"`, (admin) =>
      admin.fetchOffsets({ groupId: group, topics: [topic] }),
    );
    const committed = new Map<number, bigint>();
    for (const { partition, offset } of answer?.partitions ?? []) {
      // Kafka says -1 where nothing was committed.
      if (BigInt(offset) >= 0n) committed.set(partition, BigInt(offset));
    }
    return committed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disconnected(this.#admin);
  }

  /** Where the partitions of a topic are. */
  async #assignments(topic: string): Promise<readonly PartitionMetadata[]> {
    return this.#run(`looking up topic "${topic}"`, async (admin) => {
      try {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        const partitions = topics[0]?.partitions ?? [];
        if (partitions.length === 0) throw topicNotFound(topic);
        return partitions;
      } catch (error) {
        throw hasType(error, 'UNKNOWN_TOPIC_OR_PARTITION') ? topicNotFound(topic) : error;
      }
    });
  }

  /** Settings of a topic as they are in force, the brokers' defaults included. */
  async #settings(topic: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const resource = { type: TOPIC, name: topic, configNames: [...names] };
    const { resources } = await this.#run(`reading the settings of topic "${topic}"`, (admin) =>
      admin.describeConfigs({ resources: [resource], includeSynonyms: false }),
    );
    return new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
  }

  async #createTopic(specification: TopicSpecification): Promise<void> {
    const { name, partitions, retentionMs, replicationFactor, minInSyncReplicas } = specification;
    const settings: Record<string, string> = { 'max.message.bytes': String(MAX_RECORD_BYTES + BATCH_OVERHEAD_BYTES) };
    if (retentionMs === 'forever') {
      // All three: a cluster's own defaults may limit bytes, or compact.
      Object.assign(settings, { 'retention.ms': UNLIMITED, 'retention.bytes': UNLIMITED, 'cleanup.policy': 'delete' });
    } else if (retentionMs !== undefined) settings['retention.ms'] = String(retentionMs);
    if (minInSyncReplicas !== undefined) settings[MIN_IN_SYNC] = String(minInSyncReplicas);
    const configEntries = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
    const topic = {
      ...{ topic: name, numPartitions: partitions, configEntries },
      replicationFactor: replicationFactor ?? BROKERS_DEFAULT,
    };
    const made = await this.#run(`making topic "${name}"`, async (admin) => {
      try {
        return await admin.createTopics({ topics: [topic] });
      } catch (error) {
        throw hasType(error, 'INVALID_REPLICATION_FACTOR')
          ? replicationImpossible(name, replicationFactor, error)
          : error;
      }
    });
    if (made) return;
    const existing = await this.#partitionsSoon(name);
    if (existing !== partitions) throw partitionsDiffer(name, existing, partitions);
  }

  /** The partitions of a topic that another service has just made: the brokers may not know it for a moment yet. */
  async #partitionsSoon(topic: string): Promise<number> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await this.partitions(topic);
      } catch (error) {
        if (!(error instanceof AlphapoError) || error.code !== 'not-found' || performance.now() > deadline) throw error;
      }
      await sleep(RETRY_DELAY_MS);
    }
  }

  /** Asks, with a new connection after each failure, until it is answered or patience ends. */
  async #run<T>(doing: string, ask: (admin: Admin) => Promise<T>): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      let admin: Admin | undefined;
      try {
        admin = this.#admin ??= this.#clients.kafka(BRIEF_RETRY).admin();
        await admin.connect();
        return await ask(admin);
      } catch (error) {
        if (this.#admin === admin) this.#admin = undefined;
        void admin?.disconnect().catch(() => {});
        const failure = kafkaFailure(doing, error);
        if (failure.code !== 'unavailable' || performance.now() > deadline) throw failure;
        // A topic that was just made has no leader for a moment.
        const passing = hasType(error, ...NEW_TOPIC_TYPES) && performance.now() < deadline - PATIENCE_MS / 2;
        this.#clients.logger(passing ? 'debug' : 'warn', 'kafka-request.retried', { doing, error: messageOf(error) });
      }
      await sleep(RETRY_DELAY_MS);
    }
  }
}
