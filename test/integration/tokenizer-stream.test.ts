import { openEmbeddedEventLog, openKafkaEventLog } from '@alphapo/messaging';
import { describeKafka, kafkaForTests } from '../kafka/broker.ts';
import { describeTokenizerStream } from './tokenizer-stream.ts';

describe('a stream of preferences on the embedded log', () => {
  describeTokenizerStream(async () => openEmbeddedEventLog({ path: ':memory:' }));
});

describeKafka('a stream of preferences on Kafka', () => {
  const broker = kafkaForTests();
  describeTokenizerStream(() => openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' }));
});
