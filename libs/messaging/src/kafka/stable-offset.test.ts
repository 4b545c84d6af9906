import { setTimeout as sleep } from 'node:timers/promises';
import { createTopic, unique } from '../../../../test/integration/messaging-contract.ts';
import { describeKafka, startKafka, type TestBroker } from '../../../../test/kafka/broker.ts';
import { BRIEF_RETRY, KafkaClients } from './client.ts';
import { openKafkaEventLog } from './kafka-event-log.ts';
import { stableOffset } from './stable-offset.ts';

describeKafka('the stable offset of a group', () => {
  let broker: TestBroker;
  let clients: KafkaClients;
  beforeAll(async () => {
    broker = await startKafka();
    clients = new KafkaClients({ brokers: broker.brokers, clientId: 'stable-offset' });
  });
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
  });

  test('waits for the transaction that moves it', async () => {
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'stable-offset' });
    const place = { group: unique('group'), topic: await createTopic(log), partition: 0 };
    expect(await stableOffset(clients, place, 5_000)).toBeUndefined();
    const producer = clients.kafka(BRIEF_RETRY).producer({ transactionalId: unique('id'), idempotent: true });
    await producer.connect();
    const transaction = await producer.transaction();
    const topics = [{ topic: place.topic, partitions: [{ partition: 0, offset: '7' }] }];
    await transaction.sendOffsets({ consumerGroupId: place.group, topics });
    let settled = false;
    const asked = stableOffset(clients, place, 10_000).finally(() => {
      settled = true;
    });
    await sleep(400);
    expect(settled).toBe(false);
    await transaction.commit();
    expect(await asked).toBe(7n);
    await producer.disconnect();
  });

  test('gives up after the patience that it was given', async () => {
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'stable-offset' });
    const place = { group: unique('group'), topic: await createTopic(log), partition: 0 };
    const producer = clients.kafka(BRIEF_RETRY).producer({ transactionalId: unique('id'), idempotent: true });
    await producer.connect();
    const transaction = await producer.transaction();
    const topics = [{ topic: place.topic, partitions: [{ partition: 0, offset: '7' }] }];
    await transaction.sendOffsets({ consumerGroupId: place.group, topics });
    await expect(stableOffset(clients, place, 200)).rejects.toMatchObject({ code: 'unavailable' });
    await transaction.abort();
    expect(await stableOffset(clients, place, 5_000)).toBeUndefined();
    await producer.disconnect();
  });
});
