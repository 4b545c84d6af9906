import { MAX_RECORD_BYTES } from '@alphapo/base';
import { deadLetterFromHeaders, ORIGIN_HEADER, PreferenceBatch, type Topics } from '@alphapo/contracts';
import {
  type EventLog,
  type LogRecord,
  openEmbeddedEventLog,
  openKafkaEventLog,
  recordsToEnd,
} from '@alphapo/messaging';
import fc from 'fast-check';
import { type IHeaders, Kafka, logLevel, Partitioners } from 'kafkajs';
import { describeKafka, startKafka } from '../kafka/broker.ts';
import { pairs } from './services.fixture.ts';
import { accountForSources, type SourceAccount } from './source-account.ts';
import { consume, json } from './tokenizer-stream.ts';

const bytes = (text: string) => Buffer.from(text);
const field = fc.oneof(fc.string({ unit: 'binary' }), fc.json({ maxDepth: 4 }), fc.double().map(String));

/** JSON text as its escapes and numbers make trouble, rather than JSON.stringify's. */
const hostileJson = fc
  .tuple(
    fc.constantFrom('prompt', '__proto__', 'constructor', 'toString', 'messages', 'conversations', 'id', 'text'),
    fc.constantFrom('"\\ud800"', '"\\u0000"', '1e999', '-0', '{"__proto__":{"x":1}}', '[[[[1]]]]', 'null', '"\\n"'),
    fc.constantFrom('"a"', '[{"role":"user","content":"\\udfff"}]', '[{"role":"__proto__","content":"a"}]', '1e999'),
  )
  .map(([name, first, second]) => bytes(`{"${name}":${first},"chosen":${second},"rejected":"b"}`));

/** The value of a record, from noise to almost a pair. */
const record = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((noise) => Buffer.from(noise)),
  fc.json({ maxDepth: 6 }).map(bytes),
  hostileJson,
  fc.record({ prompt: field, chosen: field, rejected: field }).map((fields) => bytes(JSON.stringify(fields))),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 3 }), fc.nat(30)).map(([noise, at]) => {
    const text = bytes(JSON.stringify(pairs(1)[0]));
    return Buffer.concat([text.subarray(0, at), noise, text.subarray(at + noise.length)]);
  }),
);

/** Where the records went, once the data has ended. */
async function settled(log: EventLog, topics: Topics): Promise<SourceAccount> {
  const stop = new AbortController();
  for await (const records of log.read(topics.preferenceBatches, 0, 0n, { signal: stop.signal })) {
    if (records.some(({ value }) => PreferenceBatch.decode(value as Uint8Array).endOfData)) stop.abort();
  }
  return accountForSources(log, topics);
}

async function lettersOf(log: EventLog, topic: string): Promise<ReadonlyMap<bigint, LogRecord>> {
  const letters = await Array.fromAsync(recordsToEnd(log, topic, 0));
  return new Map(letters.map((letter) => [deadLetterFromHeaders(letter.headers).offset, letter]));
}

test('whatever the bytes of records are, each becomes a pair or a dead letter with those bytes', async () => {
  await using log = openEmbeddedEventLog({ path: ':memory:' });
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 100, maxLength: 300 }), async (records) => {
      await using stream = await consume(log);
      await stream.put(records);
      await stream.end(0);
      const account = await settled(log, stream.topics);
      expect(account.problems).toEqual([]);
      expect(account.pairs + account.deadLetters).toBe(records.length);
      for (const [offset, { value }] of await lettersOf(log, stream.topics.deadLetters)) {
        expect(Buffer.from(value as Uint8Array).equals(records[Number(offset)] as Buffer)).toBe(true);
      }
    }),
    { numRuns: 4 },
  );
});

describeKafka('records that producers of any language may send', () => {
  test('the worst of them are put away with their reason, and the stream goes on', async () => {
    await using broker = await startKafka();
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' });
    await using stream = await consume(log);
    const big = MAX_RECORD_BYTES - 100;
    /** As the broker takes it: somewhat more than our own producers send. */
    const beyond = MAX_RECORD_BYTES + 40_000;
    const message = (value: Buffer | null, headers: IHeaders = {}) => ({ value, headers, partition: 0, key: null });
    const expected: [string, ReturnType<typeof message>][] = [
      ['EMPTY_RECORD', message(null)],
      ['NOT_JSON', message(bytes(''))],
      ['NOT_JSON', message(Buffer.alloc(big, '['))],
      ['RECORD_TOO_COMPLEX', message(bytes('['.repeat(big / 2) + ']'.repeat(big / 2)))],
      ['MISSING_FIELD', message(bytes(`{"a":${'{"a":'.repeat(1_000_000)}1${'}'.repeat(1_000_000)}}`))],
      ['TEXT_TOO_LONG', message(bytes(`{"prompt":"a","chosen":"${'b'.repeat(big - 60)}","rejected":"c"}`))],
      ['LONE_SURROGATE', message(bytes('{"prompt":"\\ud800","chosen":"b","rejected":"c"}'))],
      [
        'UNKNOWN_ROLE',
        message(bytes(`{"prompt":[{"role":"${'r'.repeat(2 ** 20)}","content":"a"}],"chosen":"b","rejected":"c"}`)),
      ],
      ['LINE_TOO_LONG', message(Buffer.alloc(beyond, 'x'), { [ORIGIN_HEADER]: 'o'.repeat(20_000) })],
      ['NOT_UTF8', message(Buffer.from([0xff, 0x00]), { [ORIGIN_HEADER]: Buffer.from([0xff, 0xfe]), '': 'x' })],
      ['NOT_JSON', message(bytes('x'), { __proto__: 'x', constructor: 'x', 'alphapo-control': 'unknown' })],
    ];
    const kafka = new Kafka({ brokers: [...broker.brokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    // One request each: a batch of them would be too large.
    for (const [, one] of expected) await producer.send({ topic: stream.topics.preferences, messages: [one] });
    await producer.disconnect();
    await stream.put(json(pairs(4)));
    await stream.end(0);
    const account = await settled(log, stream.topics);
    expect(account).toMatchObject({ problems: [], pairs: 4, deadLetters: expected.length });
    const letters = await lettersOf(log, stream.topics.deadLetters);
    const reasons = [...letters.values()].map(({ headers }) => deadLetterFromHeaders(headers).reason);
    expect(reasons).toEqual(expected.map(([reason]) => reason));
    for (const [i, { value, headers }] of [...letters.values()].entries()) {
      const sent = expected[i]?.[1].value ?? Buffer.alloc(0);
      expect(sent.subarray(0, MAX_RECORD_BYTES).equals(value as Uint8Array)).toBe(true);
      expect(deadLetterFromHeaders(headers).recordBytes).toBe(sent.length > MAX_RECORD_BYTES ? beyond : undefined);
    }
  });
});
