import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import { TcpProxy } from '../../../../test/chaos/tcp-proxy.ts';
import { unique, valuesOf, valuesSoon, withClockMoved } from '../../../../test/integration/messaging-contract.ts';
import { describeKafka, startKafka, startOwnKafka, type TestBroker } from '../../../../test/kafka/broker.ts';
import { freePort } from '../../../../test/support/free-port.ts';
import type { EventLog, PartitionTask } from '../event-log.ts';
import { KafkaClients, PATIENT_RETRY } from './client.ts';
import { openKafkaEventLog } from './kafka-event-log.ts';

describeKafka('the faults of kafkajs 2.2.4, against a real broker:', () => {
  let broker: TestBroker;
  let clients: KafkaClients;
  let log: EventLog;
  const producers: Producer[] = [];

  beforeAll(async () => {
    broker = await startKafka();
    clients = new KafkaClients({ brokers: broker.brokers, clientId: 'repairs' });
    log = await openKafkaEventLog(clients.options);
  });
  afterAll(async () => {
    await Promise.all(producers.map((producer) => producer.disconnect()));
    await log[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  const producer = async (transactionalId?: string): Promise<Producer> => {
    const named = transactionalId === undefined ? {} : { transactionalId };
    const made = clients.kafka(PATIENT_RETRY).producer({ idempotent: true, maxInFlightRequests: 1, ...named });
    await made.connect();
    producers.push(made);
    return made;
  };
  const topicWith = async (settings: Record<string, string>): Promise<string> => {
    const topic = unique('topic');
    const admin = clients.kafka(PATIENT_RETRY).admin();
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });
    await admin.disconnect();
    return topic;
  };

  test('an idle connection has no timer that runs for ever', async () => {
    const idle = await producer();
    await idle.send({ topic: await topicWith({}), messages: [{ partition: 0, value: 'x' }] });
    const check = RequestQueue.prototype.checkPendingRequests;
    let checks = 0;
    RequestQueue.prototype.checkPendingRequests = function counted(this: RequestQueue) {
      checks++;
      check.call(this);
    };
    await sleep(500);
    RequestQueue.prototype.checkPendingRequests = check;
    // The fault made some 500 checks in this time, on each connection.
    expect(checks).toBeLessThan(20);
  });

  test('a member whose clock is set back goes on saying that it lives', async () => {
    const [group, topic] = [unique('group'), await topicWith({})];
    await using member = await openKafkaEventLog({ ...clients.options, sessionTimeoutMs: 1000 });
    const stop = new AbortController();
    const started = Promise.withResolvers<void>();
    const handle = async (task: PartitionTask) => {
      started.resolve();
      while (!stop.signal.aborted) await task.next(100);
    };
    const running = member.transform({ group, topic, signal: stop.signal, handle });
    await started.promise;
    const admin = clients.kafka(PATIENT_RETRY).admin();
    await admin.connect();
    await withClockMoved(-3_600_000, () => sleep(3000));
    const { groups } = await admin.describeGroups([group]);
    await admin.disconnect();
    stop.abort();
    await running;
    expect(groups[0]?.members).toHaveLength(1);
  });

  test('a transaction outlasts connections that are reset while its coordinator is looked up', async () => {
    const topic = unique('topic');
    // A broker that is away behind a proxy, as a load balancer may be: connections are taken, and reset at once.
    const [viaPort, brokerPort] = [await freePort(), await freePort()];
    await using via = await startOwnKafka([{ port: brokerPort, advertisedPort: viaPort }]);
    await using proxy = await TcpProxy.start(brokerPort, viaPort);
    await using away = await openKafkaEventLog({ brokers: [proxy.address], clientId: 'away' });
    await away.ensureTopics([{ name: topic, partitions: 1 }]);
    await using writer = await away.writer(unique('writer'));
    await writer.write([{ topic, partition: 0, value: 'before' }]);
    proxy.cut(2000);
    await writer.write([{ topic, partition: 0, value: 'after' }]);
    await using direct = await openKafkaEventLog({ brokers: via.brokers, clientId: 'direct' });
    expect(await valuesSoon(direct, topic, 2)).toEqual(['before', 'after']);
  });

  test('records of aborted transactions stay hidden, from wherever they are read', async () => {
    const topic = await topicWith({});
    const [a, b] = [await producer(unique('a')), await producer(unique('b'))];
    const [first, second] = [await a.transaction(), await b.transaction()];
    const message = (value: string) => ({ topic, messages: [{ partition: 0, value, key: Buffer.alloc(4) }] });
    await first.send(message('A1'));
    await second.send(message('B1'));
    await second.send(message('B2'));
    await first.send(message('A2'));
    await first.abort();
    await second.abort();
    const third = await a.transaction();
    await third.send(message('committed'));
    await third.commit();
    await valuesSoon(log, topic, 1);
    for (const offset of [0n, 1n, 2n, 3n, 4n]) expect(await valuesOf(log, topic, 0, offset)).toEqual(['committed']);
  });

  test('records of an open transaction are neither shown nor counted', async () => {
    const topic = await topicWith({});
    const open = await (await producer(unique('open'))).transaction();
    await open.send({ topic, messages: [{ partition: 0, value: 'open' }] });
    await log.append([{ topic, partition: 0, value: 'behind' }]);
    expect(await log.bounds(topic, 0)).toEqual({ first: 0n, next: 0n });
    expect(await valuesOf(log, topic)).toEqual([]);
    await open.commit();
    expect(await valuesSoon(log, topic, 2)).toEqual(['open', 'behind']);
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('records that the broker stores with %s are read', async (codec) => {
    const topic = await topicWith({ 'compression.type': codec, 'max.message.bytes': '4000000' });
    const values = [
      'text '.repeat(50_000),
      randomBytes(200_000).toString('base64'),
      ...Array.from({ length: 500 }, (_, i) => `${i}, short and similar`),
      '',
    ];
    await log.append(values.map((value) => ({ topic, partition: 0, value })));
    expect(await valuesOf(log, topic)).toEqual(values);
  });

  test('reading goes on behind a batch that the log cleaner has emptied', async () => {
    const topic = await topicWith({
      'cleanup.policy': 'compact',
      'segment.bytes': '1048576',
      'min.cleanable.dirty.ratio': '0.001',
      'max.compaction.lag.ms': '1',
    });
    const [once, often] = [await producer(), await producer()];
    const send = (by: Producer, key: string, value: string) =>
      by.send({ topic, messages: [{ partition: 0, key, value }] });
    const large = (name: string) => name.padEnd(100_000, '.');
    const names = async () => (await valuesOf(log, topic)).map((value) => value.replace(/\.+$/, ''));
    // The only batch of its producer is kept, empty, for the producer's sequence number.
    await send(once, 'b', large('only'));
    for (let i = 0; i < 9; i++) await send(often, 'a', large(`early ${i}`));
    for (let i = 0; i < 10; i++) await send(often, i % 2 ? 'a' : 'b', large(`late ${i}`));
    for (let i = 0; i < 3; i++) await send(often, 'c', `end ${i}`);
    const deadline = Date.now() + 30_000;
    while ((await names()).includes('only') && Date.now() < deadline) await sleep(300);
    const seen = await names();
    expect(seen).not.toContain('only');
    expect(seen.at(-1)).toBe('end 2');
  });
});
