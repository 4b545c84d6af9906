import { openEmbeddedEventLog, openKafkaEventLog } from '@alphapo/messaging';
import { describeKafka, startKafka, type TestBroker } from '../kafka/broker.ts';
import { describeTokenizerStream } from './tokenizer-stream.ts';

describe('a stream of preferences on the embedded log', () => {
  describeTokenizerStream(async () => openEmbeddedEventLog({ path: ':memory:' }));
});

describeKafka('a stream of preferences on Kafka', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startKafka();
  }, 360_000);
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
  });
  describeTokenizerStream(() => openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' }));
});
