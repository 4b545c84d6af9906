/** Sends the preference pairs of a file of JSON lines to Kafka, then the end of the data. Usage: produce.ts FILE [TOPIC] */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Kafka, Partitioners } from 'kafkajs';
import { kafkaConfig } from './connections.ts';

const [path = '', topic = 'preferences'] = process.argv.slice(2);
const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');

const kafka = new Kafka(kafkaConfig());
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
const admin = kafka.admin();
await Promise.all([producer.connect(), admin.connect()]);
await producer.send({
  topic,
  messages: lines.map((value, i) => ({ value, headers: { 'alphapo-origin': `${basename(path)}:${i + 1}` } })),
});

// The run ends when every partition has said that no more pairs follow.
const [metadata] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
await producer.send({
  topic,
  messages: (metadata?.partitions ?? []).map(({ partitionId }) => ({
    partition: partitionId,
    value: '',
    headers: { 'alphapo-control': 'end-of-data' },
  })),
});
await Promise.all([producer.disconnect(), admin.disconnect()]);
console.log(`${lines.length} records sent to ${topic}`);
