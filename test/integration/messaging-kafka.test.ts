import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EventLog, type KafkaOptions, openKafkaEventLog } from '@alphapo/messaging';
import { describeKafka, kafkaForTests } from '../kafka/broker.ts';
import {
  copyingTask,
  createTopic,
  describeEventLogContract,
  numbered,
  unique,
  until,
  valuesSoon,
} from './messaging-contract.ts';

describeKafka('the event log on Kafka', () => {
  const broker = kafkaForTests();

  const options = (): KafkaOptions => ({ brokers: broker.brokers, clientId: 'contract', sessionTimeoutMs: 3000 });
  describeEventLogContract(() => openKafkaEventLog(options()));

  test('a handler that works longer than the session keeps its partition', async () => {
    await using log = await openKafkaEventLog({ ...options(), sessionTimeoutMs: 1000 });
    const [input, output] = [await createTopic(log), await createTopic(log)];
    const group = unique('group');
    await log.append(numbered(input, 2));
    const stop = new AbortController();
    let starts = 0;
    const running = log.transform({
      group,
      topic: input,
      signal: stop.signal,
      handle: async (task) => {
        starts++;
        await sleep(2500);
        await copyingTask(output, 2)(task);
      },
    });
    await until(async () => (await log.lag(group, input))[0]?.lag === 0n, 'no lag');
    stop.abort();
    await running;
    expect(starts).toBe(1);
    expect(await valuesSoon(log, output, 2)).toEqual(['0:v0', '0:v1']);
  });

  test('a partition that is taken over where nothing is open costs its outputs no offset', async () => {
    await using log = await openKafkaEventLog(options());
    const [input, output, group] = [await createTopic(log), await createTopic(log), unique('group')];
    const ends: bigint[] = [];
    for (const first of ['a', 'b', 'c']) {
      const stop = new AbortController();
      const running = log.transform({
        ...{ group, topic: input, signal: stop.signal },
        outputs: [{ topic: output, partition: 0 }],
        handle: copyingTask(output, 2),
      });
      if (first === 'a') await log.append(numbered(input, 2));
      else await log.append(numbered(input, 1, 0, first));
      await until(async () => (await log.lag(group, input))[0]?.lag === 0n, 'no lag');
      ends.push((await log.bounds(output, 0)).next);
      stop.abort();
      await running;
    }
    // One record and the marker of its transaction more, each time.
    const [afterA = 0n, afterB, afterC] = ends;
    expect([afterB, afterC]).toEqual([afterA + 2n, afterA + 4n]);
  });

  test('a broker that is killed in the middle of a transform costs no record, and doubles none', async () => {
    const { restart } = broker;
    if (restart === undefined) return;
    await using log = await openKafkaEventLog(options());
    const [input, output] = [await createTopic(log, 2), await createTopic(log)];
    const group = unique('group');
    await feed(log, input, 'a');
    const tail = new AbortController();
    let followed = 0;
    const following = (async () => {
      for await (const records of log.read(output, 0, 0n, { signal: tail.signal })) followed += records.length;
    })();
    const stop = new AbortController();
    const running = log.transform({ group, topic: input, signal: stop.signal, handle: copyingTask(output, 5) });
    await until(async () => (await log.bounds(output, 0)).next > 20n, 'some output');
    const restarted = restart();
    await Promise.all([restarted, feed(log, input, 'b')]);
    await until(async () => (await log.lag(group, input)).every(({ lag }) => lag === 0n), 'no lag');
    stop.abort();
    await running;
    const copied = await valuesSoon(log, output, 800);
    for (const partition of [0, 1]) {
      const expected = ['a', 'b'].flatMap((prefix) => numbered(input, 200, partition, prefix));
      const values = copied.filter((value) => value.startsWith(`${partition}:`));
      expect(values).toEqual(expected.map((record) => `${partition}:${record.value}`));
    }
    await until(() => followed === copied.length, 'the reader of the tail');
    tail.abort();
    await following;
  });
});

async function feed(log: EventLog, topic: string, prefix: string): Promise<void> {
  for (const partition of [0, 1]) await log.append(numbered(topic, 200, partition, prefix));
}

describe('without a broker', () => {
  const unreachable = { code: 'unavailable', reason: 'KAFKA_UNREACHABLE' };

  test('the error comes at once, and names the addresses and the setting', async () => {
    const opening = openKafkaEventLog({ brokers: ['127.0.0.1:1', '127.0.0.1:2'], clientId: 'test' });
    await expect(opening).rejects.toMatchObject(unreachable);
    await expect(opening).rejects.toThrow(/127\.0\.0\.1:1, 127\.0\.0\.1:2.*KAFKA_BROKERS/);
  }, 60_000);

  test('a port that is silent is given up after the configured time', async () => {
    const sockets = new Set<{ destroy(): void }>();
    const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const started = Date.now();
    const opening = openKafkaEventLog({ brokers: [`127.0.0.1:${port}`], clientId: 'test', connectTimeoutMs: 700 });
    await expect(opening).rejects.toMatchObject(unreachable);
    expect(Date.now() - started).toBeLessThan(2_000);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});
