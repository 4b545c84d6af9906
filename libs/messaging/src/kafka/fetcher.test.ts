import { randomBytes } from 'node:crypto';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import { createTopic, unique, valuesOf } from '../../../../test/integration/messaging-contract.ts';
import { describeKafka, kafkaForTests } from '../../../../test/kafka/broker.ts';
import { KafkaClients } from './client.ts';
import { openKafkaEventLog } from './kafka-event-log.ts';

const ALTER_CLIENT_QUOTAS = 49;

describeKafka('fetching', () => {
  const broker = kafkaForTests();

  test('a client that is held to a quota reads to the end, only later', async () => {
    const clientId = unique('throttled');
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId });
    const topic = await createTopic(log);
    const values = Array.from({ length: 10 }, () => randomBytes(3_000).toString('hex'));
    await log.append(values.map((value) => ({ topic, partition: 0, value })));
    await limitFetches(broker.brokers, clientId, 10_000);
    // The quota is for a window of seconds: the first reading is within it, the second is not.
    expect((await valuesOf(log, topic)).length).toBe(values.length);
    expect((await valuesOf(log, topic)).length).toBe(values.length);
  });
});

/** Has brokers answer a client with no more than so many bytes per second; kafkajs has no such request. */
async function limitFetches(brokers: readonly string[], clientId: string, bytesPerSecond: number): Promise<void> {
  const text = (value: string) => Buffer.concat([int(2, value.length), Buffer.from(value)]);
  const body = Buffer.concat([
    ...[int(4, 1), int(4, 1), text('client-id'), text(clientId)],
    ...[int(4, 1), text('consumer_byte_rate'), double(bytesPerSecond)],
    Buffer.from([0, 0]), // It is to be set, and not only to be checked.
  ]);
  const cluster = new KafkaClients({ brokers, clientId: 'quotas' }).cluster();
  await cluster.connect();
  try {
    await cluster.refreshMetadata();
    const { connectionPool } = await cluster.findBroker({ nodeId: '1' });
    const encode = async () => new Encoder().writeBuffer(body);
    const request = { apiKey: ALTER_CLIENT_QUOTAS, apiVersion: 0, apiName: 'AlterClientQuotas', encode };
    const response = {
      decode: async (payload: Buffer) => ({ errorCode: payload.readInt16BE(8), clientSideThrottleTime: 0 }),
      parse: async (decoded: { readonly errorCode: number }) => decoded,
    };
    expect(await connectionPool.send({ request, response })).toMatchObject({ errorCode: 0 });
  } finally {
    await cluster.disconnect();
  }
}

function int(bytes: 2 | 4, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
}

function double(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  return buffer;
}
