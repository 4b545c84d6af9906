import { unique } from '../../../../test/integration/messaging-contract.ts';
import { describeKafka, kafkaForTests } from '../../../../test/kafka/broker.ts';
import { openKafkaEventLog } from './kafka-event-log.ts';

describeKafka('copies of records on Kafka', () => {
  const broker = kafkaForTests();
  const openLog = () => openKafkaEventLog({ brokers: broker.brokers, clientId: 'replication' });

  test('are as many as a topic was made with, and topics that are there keep theirs', async () => {
    await using log = await openLog();
    const topic = { name: unique('topic'), partitions: 2 };
    await log.ensureTopics([{ ...topic, replicationFactor: 1, minInSyncReplicas: 1 }]);
    await log.ensureTopics([{ ...topic, replicationFactor: 3, minInSyncReplicas: 2 }]);
    await log.ensureTopics([topic]);
    expect(await log.replication(topic.name)).toEqual({ replicas: 1, minInSync: 1 });
  });

  test('that must be written are a setting of the topic', async () => {
    await using log = await openLog();
    const topic = unique('topic');
    await log.ensureTopics([{ name: topic, partitions: 1, minInSyncReplicas: 2 }]);
    expect(await log.replication(topic)).toMatchObject({ minInSync: 2 });
  });

  test('are refused by name where there are fewer brokers', async () => {
    await using log = await openLog();
    const topic = unique('topic');
    const started = performance.now();
    await expect(log.ensureTopics([{ name: topic, partitions: 1, replicationFactor: 10_000 }])).rejects.toMatchObject({
      reason: 'REPLICATION_IMPOSSIBLE',
      message: expect.stringContaining(`topic "${topic}" cannot have 10000 replicas`),
    });
    expect(performance.now() - started).toBeLessThan(10_000);
    await expect(log.replication(topic)).rejects.toMatchObject({ reason: 'TOPIC_NOT_FOUND' });
  });
});
