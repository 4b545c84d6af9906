import { createTopic, numbered, unique, valuesOf } from '../../../../test/integration/messaging-contract.ts';
import { describeKafka, kafkaForTests } from '../../../../test/kafka/broker.ts';
import { administer, deleteRecordsBefore } from './administer.fixture.ts';
import { openKafkaEventLog } from './kafka-event-log.ts';

describeKafka('records that Kafka removes', () => {
  const broker = kafkaForTests();
  const openLog = () => openKafkaEventLog({ brokers: broker.brokers, clientId: 'retention' });

  test('settings that remove records are told, whoever made them', async () => {
    await using log = await openLog();
    const topic = unique('topic');
    const settings = { 'retention.bytes': '1000000', 'retention.ms': '-1', 'cleanup.policy': 'compact,delete' };
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await administer(broker.brokers, (admin) => admin.createTopics({ topics: [{ topic, configEntries }] }));
    expect(await log.retention(topic)).toEqual({ maxAgeMs: 'unlimited', maxBytes: 1_000_000, compacted: true });
  });

  test('reading from before the start of the log is an error and no jump', async () => {
    await using log = await openLog();
    const topic = await createTopic(log);
    await log.append(numbered(topic, 10));
    await deleteRecordsBefore(broker.brokers, topic, 4n);
    expect(await log.bounds(topic, 0)).toEqual({ first: 4n, next: 10n });
    await expect(valuesOf(log, topic, 0, 3n)).rejects.toMatchObject({
      code: 'out-of-range',
      reason: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining(`offset 3 of topic "${topic}", partition 0`),
    });
    expect(await valuesOf(log, topic, 0, 4n)).toHaveLength(6);
  });
});
