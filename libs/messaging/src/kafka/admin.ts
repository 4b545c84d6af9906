import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, messageOf } from '@alphapo/base';
import { MAX_RECORD_BYTES } from '@alphapo/contracts';
import type { Admin, ConfigResourceTypes } from 'kafkajs';
import { partitionNotFound, partitionsDiffer, topicNotFound } from '../errors.ts';
import type { Bounds, TopicRetention, TopicSpecification } from '../event-log.ts';
import { BRIEF_RETRY, type KafkaClients } from './client.ts';
import { hasType, kafkaFailure } from './failures.ts';

/** How long a question to the cluster outlasts brokers that are away. */
const PATIENCE_MS = 15_000;
const RETRY_DELAY_MS = 200;
/** What a batch adds around a record of the largest size. */
const BATCH_OVERHEAD_BYTES = 64 * 1024;
/** What Kafka's settings of a topic say for "no limit". */
const UNLIMITED = '-1';
/** kafkajs has a name for it, but none that Node.js finds. */
const TOPIC: ConfigResourceTypes = 2;
const RETENTION_SETTINGS = ['retention.ms', 'retention.bytes', 'cleanup.policy'];

/** Topics, offsets and groups, as the cluster knows them. */
export class KafkaAdmin implements AsyncDisposable {
  #clients: KafkaClients;
  #admin: Admin | undefined;
  #partitionCounts = new Map<string, number>();

  constructor(clients: KafkaClients) {
    this.#clients = clients;
  }

  async ensureTopic({ name, partitions, retentionMs }: TopicSpecification): Promise<void> {
    const existing = await this.partitions(name).catch((error) => {
      if (error instanceof AlphapoError && error.code === 'not-found') return undefined;
      throw error;
    });
    if (existing === undefined) {
      await this.#createTopic(name, partitions, retentionMs);
      return;
    }
    if (existing !== partitions) throw partitionsDiffer(name, existing, partitions);
  }

  /** The number of partitions, asked anew. */
  async partitions(topic: string): Promise<number> {
    return this.#run(`looking up topic "${topic}"`, async (admin) => {
      try {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        const count = topics[0]?.partitions.length ?? 0;
        if (count === 0) throw topicNotFound(topic);
        this.#partitionCounts.set(topic, count);
        return count;
      } catch (error) {
        throw hasType(error, 'UNKNOWN_TOPIC_OR_PARTITION') ? topicNotFound(topic) : error;
      }
    });
  }

  /** The number of partitions as last seen; topics keep theirs. */
  async knownPartitions(topic: string): Promise<number> {
    return this.#partitionCounts.get(topic) ?? this.partitions(topic);
  }

  async retention(topic: string): Promise<TopicRetention> {
    await this.knownPartitions(topic);
    const resource = { type: TOPIC, name: topic, configNames: RETENTION_SETTINGS };
    const { resources } = await this.#run(`reading the settings of topic "${topic}"`, (admin) =>
      admin.describeConfigs({ resources: [resource], includeSynonyms: false }),
    );
    const settings = new Map(
      resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
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
    await this.#admin?.disconnect().catch(() => {});
  }

  async #createTopic(name: string, partitions: number, retentionMs: TopicSpecification['retentionMs']): Promise<void> {
    const settings: Record<string, string> = { 'max.message.bytes': String(MAX_RECORD_BYTES + BATCH_OVERHEAD_BYTES) };
    if (retentionMs === 'forever') {
      // All three: a cluster's own defaults may limit bytes, or compact.
      Object.assign(settings, { 'retention.ms': UNLIMITED, 'retention.bytes': UNLIMITED, 'cleanup.policy': 'delete' });
    } else if (retentionMs !== undefined) settings['retention.ms'] = String(retentionMs);
    const configEntries = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
    const replicationFactor = this.#clients.options.replicationFactor ?? -1;
    const made = await this.#run(`making topic "${name}"`, (admin) =>
      admin.createTopics({ topics: [{ topic: name, numPartitions: partitions, replicationFactor, configEntries }] }),
    );
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
        this.#clients.logger('warn', 'kafka.admin_retried', { doing, error: messageOf(error) });
      }
      await sleep(RETRY_DELAY_MS);
    }
  }
}
