import { topicsWithPrefix } from '@alphapo/contracts';
import { openKafkaEventLog } from '@alphapo/messaging';
import { unique } from '../../../test/integration/messaging-contract.ts';
import { describeKafka, kafkaForTests } from '../../../test/kafka/broker.ts';
import { freePort } from '../../../test/support/free-port.ts';
import { topicsCommand } from './topics.ts';

describeKafka('alphapo topics on Kafka', () => {
  const broker = kafkaForTests();

  /** Makes topics of a prefix; returns what it says to standard error. */
  async function make(prefix: string, ...options: string[]): Promise<string[]> {
    const told: string[] = [];
    const { write } = process.stderr;
    process.stderr.write = (text) => told.push(String(text)) > 0;
    try {
      const where = ['--brokers', broker.brokers.join(','), '--topic-prefix', prefix];
      await topicsCommand().parseAsync([...where, ...options], { from: 'user' });
    } finally {
      process.stderr.write = write;
    }
    return told;
  }

  test('makes them with the copies that are asked for, and says nothing', async () => {
    const prefix = `${unique('run')}-`;
    expect(await make(prefix, '--replication-factor', '1', '--min-insync-replicas', '1')).toEqual([]);
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'topics' });
    for (const topic of ['preferences', 'dead-letters', 'preference-batches', 'training-steps', 'evaluations']) {
      expect(await log.replication(`${prefix}${topic}`)).toEqual({ replicas: 1, minInSync: 1 });
    }
  });

  test('leaves those that have fewer copies as they are, and says so', async () => {
    const prefix = `${unique('run')}-`;
    await make(prefix, '--replication-factor', '1', '--min-insync-replicas', '1');
    const told = await make(prefix, '--replication-factor', '3', '--min-insync-replicas', '2');
    expect(told).toHaveLength(10);
    expect(told).toContain(
      `${prefix}preferences exists with replication factor 1, less than 3; kafka-reassign-partitions.sh raises it\n`,
    );
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'topics' });
    const { preferences } = topicsWithPrefix(prefix);
    await log.append([{ topic: preferences, partition: 0, value: 'still written to' }]);
  });

  test('fails where nothing could be written to them', async () => {
    const prefix = `${unique('run')}-`;
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'topics' });
    const name = topicsWithPrefix(prefix).preferences;
    await log.ensureTopics([{ name, partitions: 1, replicationFactor: 1, minInSyncReplicas: 2 }]);
    await expect(make(prefix, '--min-insync-replicas', '2')).rejects.toMatchObject({
      reason: 'TOPIC_NOT_WRITABLE',
      message: expect.stringContaining('min.insync.replicas=2 and replication factor 1'),
    });
  });

  test('waits for brokers that come late, and says what it waits for', async () => {
    const { restart } = broker;
    // A broker that KAFKA_BROKERS names is not ours to stop.
    if (restart === undefined) return;
    const prefix = `${unique('run')}-`;
    const restarted = restart();
    const told = await make(prefix, '--wait-seconds', '120');
    await restarted;
    expect(told[0]).toMatch(/^waiting for Kafka, \d+ of 120 s: no Kafka broker can be reached at /);
    expect(told[0]).toContain(String(broker.brokers));
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'topics' });
    expect(await log.partitions(`${prefix}preferences`)).toBe(1);
  });

  test('says what it waited for in vain', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    await expect(make('', '--brokers', nobody, '--wait-seconds', '1')).rejects.toMatchObject({
      reason: 'BROKERS_AWAY',
      message: expect.stringContaining(`waited 1 s for Kafka: no Kafka broker can be reached at ${nobody}`),
    });
  });
});
