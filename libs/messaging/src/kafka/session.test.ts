import {
  createTopic,
  numbered,
  text,
  unique,
  valuesOf,
  valuesSoon,
} from '../../../../test/integration/messaging-contract.ts';
import { describeKafka, startKafka, type TestBroker } from '../../../../test/kafka/broker.ts';
import type { EventLog } from '../event-log.ts';
import { KafkaAdmin } from './admin.ts';
import { KafkaClients } from './client.ts';
import { openKafkaEventLog } from './kafka-event-log.ts';
import { openSession } from './session.ts';

describeKafka('a partition of a transform on Kafka', () => {
  let broker: TestBroker;
  let log: EventLog;
  let clients: KafkaClients;
  let admin: KafkaAdmin;
  const { signal } = new AbortController();

  beforeAll(async () => {
    broker = await startKafka();
    clients = new KafkaClients({ brokers: broker.brokers, clientId: 'session' });
    log = await openKafkaEventLog(clients.options);
    admin = new KafkaAdmin(clients);
  });
  afterAll(async () => {
    await admin[Symbol.asyncDispose]();
    await log[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  test('that is taken over refuses the commit of its former owner, who still holds records', async () => {
    const [topic, output] = [await createTopic(log), await createTopic(log)];
    const input = { group: unique('group'), topic };
    await log.append(numbered(topic, 10));
    await using zombie = await openSession(clients, admin, input, 0);
    expect((await zombie.fetch(1000, signal)).map(text)).toHaveLength(10);
    await zombie.commit(numbered(output, 1, 0, 'first'), 4n);

    await using owner = await openSession(clients, admin, input, 0);
    expect(owner.startOffset).toBe(4n);
    await expect(zombie.commit(numbered(output, 1, 0, 'zombie'), 10n)).rejects.toMatchObject({ reason: 'FENCED' });
    expect((await owner.fetch(1000, signal)).map(text)).toEqual(['v4', 'v5', 'v6', 'v7', 'v8', 'v9']);
    await owner.commit(numbered(output, 1, 0, 'second'), 10n);
    expect(await valuesSoon(log, output, 2)).toEqual(['first0', 'second0']);
    expect((await log.lag(input.group, topic))[0]).toMatchObject({ committed: 10n, lag: 0n });
  });

  test('whose unread records have expired says so, rather than to skip them', async () => {
    const topic = await createTopic(log);
    const input = { group: unique('group'), topic };
    await log.append(numbered(topic, 5));
    const writer = await log.writer(unique('writer'));
    await writer.write([], [{ ...input, partition: 0, nextOffset: 1n }]);
    await writer[Symbol.asyncDispose]();
    const raw = clients.kafka({ retries: 5 }).admin();
    await raw.connect();
    await raw.fetchTopicOffsets(topic);
    await raw.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] });
    await raw.disconnect();
    await expect(openSession(clients, admin, input, 0)).rejects.toMatchObject({
      code: 'data-loss',
      reason: 'RECORDS_EXPIRED',
    });
    await expect(valuesOf(log, topic, 0, 1n)).rejects.toMatchObject({ reason: 'OFFSET_OUT_OF_RANGE' });
  });
});
