import { join } from 'node:path';
import { deadLetterFromHeaders, ORIGIN_HEADER, PreferenceBatch, TokenizerServiceDefinition } from '@alphapo/contracts';
import { type EventLog, openEmbeddedEventLog } from '@alphapo/messaging';
import { connect, HealthClient } from '@alphapo/rpc';
import { startTokenizer } from '@alphapo/tokenizer';
import { quantile } from '../../bench/load.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import {
  CALL,
  LOOPBACK,
  pairs,
  recordsOf,
  silent,
  smallModel,
  specificationFor,
  topics,
  until,
} from './services.fixture.ts';

/** Ids of the byte tokenizer. */
const bytes = (text: string) => [...Buffer.from(text)].map((byte) => byte + 3);

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

async function start(lingerMs?: number) {
  await using opened = new AsyncDisposableStack();
  const log = opened.use(openEmbeddedEventLog({ path: join(await temporaryFolder(), 'log.sqlite') }));
  const specification = await specificationFor(model, { maxLength: 64, maxPromptLength: 48 });
  const config = { model, specification, address: LOOPBACK, topics, preferencesPartitions: 1, lingerMs };
  const tokenizer = opened.use(await startTokenizer(config, log, silent));
  const connection = opened.use(connect(TokenizerServiceDefinition, tokenizer.address));
  const owned = opened.move();
  return { log, tokenizer, connection, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test('a topic that is there keeps its partitions, whatever the configuration says', async () => {
  await using log = openEmbeddedEventLog({ path: join(await temporaryFolder(), 'log.sqlite') });
  await log.ensureTopics([{ name: topics.preferences, partitions: 3 }]);
  const specification = await specificationFor(model, { maxLength: 64, maxPromptLength: 48 });
  const config = { model, specification, address: LOOPBACK, topics, preferencesPartitions: 1 };
  await using _ = await startTokenizer(config, log, silent);
  expect(await log.partitions(topics.preferences)).toBe(3);
});

describe('over gRPC', () => {
  let service: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    service = await start();
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
  });

  test('a text becomes ids and a text again', async () => {
    const texts = ['Hällo 🙂', ''];
    const { encodings } = await service.connection.encode({ texts, addSpecialTokens: true }, CALL);
    expect(encodings.map(({ ids }) => ids)).toEqual([[0, ...bytes(texts[0] as string)], [0]]);
    const back = await service.connection.decode({ encodings, skipSpecialTokens: true }, CALL);
    expect(back.texts).toEqual(texts);
    const whole = await service.connection.decode({ encodings, skipSpecialTokens: false }, CALL);
    expect(whole.texts).toEqual(texts.map((text) => `<s>${text}`));
  });

  test('no ids are empty text', async () => {
    const request = { encodings: [{ ids: [] }], skipSpecialTokens: false };
    expect(await service.connection.decode(request, CALL)).toEqual({ texts: [''] });
  });

  test('a conversation becomes the text of the template, and its ids', async () => {
    const messages = [{ role: 'user', content: 'Hi' }];
    const request = { messages, addGenerationPrompt: true };
    const text = '\n\nHuman: Hi\n\nAssistant:';
    expect(await service.connection.applyChatTemplate(request, CALL)).toEqual({ text, ids: bytes(text) });
  });

  test('it describes itself', async () => {
    const digest = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
    expect(await service.connection.describe({}, CALL)).toEqual({
      vocabularySize: 259,
      bosTokenId: 0,
      eosTokenId: 1,
      padTokenId: 2,
      tokenizerDigest: digest,
      chatTemplateDigest: digest,
      maxLength: 64,
      maxPromptLength: 48,
    });
  });

  test('while long texts are tokenized health checks are answered, and what is too much is asked to come back', async () => {
    using health = new HealthClient(service.tokenizer.address);
    const texts = ['ab '.repeat(2 ** 12)];
    const call = () => service.connection.encode({ texts, addSpecialTokens: false }, { timeoutMs: 100_000 });
    const answers = Promise.allSettled(Array.from({ length: 200 }, call));
    let isOver = false;
    void answers.finally(() => {
      isOver = true;
    });
    const latencies: number[] = [];
    while (!isOver) {
      const from = performance.now();
      expect(await health.check()).toBe('SERVING');
      latencies.push(performance.now() - from);
    }
    const refused = (await answers).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThanOrEqual(200 - 16 - 64);
    for (const answer of refused) {
      expect(answer).toMatchObject({ reason: { code: 'resource-exhausted', reason: 'QUEUE_FULL' } });
    }
    // Texts take seconds together; the median leaves out what other processes of a busy machine take.
    expect(quantile(latencies, 0.5)).toBeLessThan(50);
  });

  test('what it refuses, it refuses with the field', async () => {
    const refused = (message: string) => ({
      code: 'invalid-argument',
      reason: 'INVALID_REQUEST',
      message: expect.stringContaining(message),
    });
    const texts = Array.from({ length: 1025 }, () => 'a');
    await expect(service.connection.encode({ texts, addSpecialTokens: false }, CALL)).rejects.toMatchObject(
      refused('texts: 1025 exceed the limit of 1024'),
    );
    const encodings = [{ ids: [258] }, { ids: [0, 259] }];
    await expect(service.connection.decode({ encodings, skipSpecialTokens: false }, CALL)).rejects.toMatchObject(
      refused('encodings[1]: token id 259 is not below the vocabulary size 259'),
    );
    await expect(
      service.connection.applyChatTemplate({ messages: [], addGenerationPrompt: true }, CALL),
    ).rejects.toMatchObject(refused('messages: is empty'));
    const long = 'a'.repeat(2 ** 20 + 1);
    await expect(
      service.connection.encode({ texts: ['a', long], addSpecialTokens: false }, CALL),
    ).rejects.toMatchObject(refused('texts[1]: 1048577 characters exceed the limit of 1048576 per text'));
    const messages = [{ role: 'user', content: long }];
    await expect(
      service.connection.applyChatTemplate({ messages, addGenerationPrompt: true }, CALL),
    ).rejects.toMatchObject(refused('messages: 1048577 characters'));
  });
});

describe('making batches', () => {
  const put = (log: EventLog, values: readonly (string | Uint8Array)[]) =>
    log.append(
      values.map((value, i) => ({
        topic: topics.preferences,
        partition: 0,
        value,
        headers: { [ORIGIN_HEADER]: `pairs.jsonl:${i + 1}` },
      })),
    );
  const batchesOf = async (log: EventLog) =>
    (await recordsOf(log, topics.preferenceBatches)).map(({ value }) => PreferenceBatch.decode(value as Uint8Array));

  test('a partial batch waits for more, and goes out when none came for the linger', async () => {
    await using service = await start(300);
    const stop = new AbortController();
    const consuming = service.tokenizer.consume(stop.signal);
    await put(
      service.log,
      pairs(6).map((pair) => JSON.stringify(pair)),
    );
    await until(async () => (await batchesOf(service.log)).length === 2);
    stop.abort();
    await consuming;
    const batches = await batchesOf(service.log);
    expect(batches.map((batch) => batch.pairs.map(({ id }) => id))).toEqual([
      ['pair-0', 'pair-1', 'pair-2', 'pair-3'],
      ['pair-4', 'pair-5'],
    ]);
    expect(batches.map(({ source }) => [source?.firstOffset, source?.nextOffset])).toEqual([
      [0n, 4n],
      [4n, 6n],
    ]);
    expect(batches.some(({ endOfData }) => endOfData)).toBe(false);
    expect(batches[0]?.pairs[0]).toMatchObject({ prompt: [0, ...bytes('After 0:')], chosen: [...bytes(' 1'), 1] });
  });

  test('without a linger a partial batch waits, and a restart reads its records again', async () => {
    await using service = await start();
    await put(
      service.log,
      pairs(5).map((pair) => JSON.stringify(pair)),
    );
    for (const _restart of [1, 2]) {
      const stop = new AbortController();
      const consuming = service.tokenizer.consume(stop.signal);
      await until(async () => (await batchesOf(service.log)).length === 1);
      stop.abort();
      await consuming;
    }
    await put(
      service.log,
      pairs(3).map((pair) => JSON.stringify(pair)),
    );
    const stop = new AbortController();
    const consuming = service.tokenizer.consume(stop.signal);
    await until(async () => (await batchesOf(service.log)).length === 2);
    stop.abort();
    await consuming;
    const [, second] = await batchesOf(service.log);
    expect(second?.pairs.map(({ sourceOffset }) => sourceOffset)).toEqual([4n, 5n, 6n, 7n]);
  });

  test('a record that cannot be trained on is kept with its bytes, its place and the reason', async () => {
    await using service = await start(100);
    const [good] = pairs(1).map((pair) => JSON.stringify(pair));
    const bad = [
      Buffer.from('{"prompt": "a"'),
      Buffer.from([0x7b, 0xff, 0x7d]),
      Buffer.from('{"prompt":"a","chosen":"","rejected":"b"}'),
    ];
    await put(service.log, [bad[0] as Buffer, good as string, bad[1] as Buffer, bad[2] as Buffer]);
    const stop = new AbortController();
    const consuming = service.tokenizer.consume(stop.signal);
    await until(async () => (await recordsOf(service.log, topics.deadLetters)).length === 3);
    stop.abort();
    await consuming;
    const letters = await recordsOf(service.log, topics.deadLetters);
    expect(letters.map(({ value }) => Buffer.from(value as Uint8Array))).toEqual(bad);
    const told = letters.map(({ headers }) => deadLetterFromHeaders(headers));
    expect(told.map(({ reason, offset, origin }) => [reason, offset, origin])).toEqual([
      ['NOT_JSON', 0n, 'pairs.jsonl:1'],
      ['NOT_UTF8', 2n, 'pairs.jsonl:3'],
      ['EMPTY_RESPONSE', 3n, 'pairs.jsonl:4'],
    ]);
    expect(told[2]).toMatchObject({
      topic: topics.preferences,
      partition: 0,
      message: expect.stringMatching(/^chosen/),
    });
    const [batch] = await batchesOf(service.log);
    expect(batch?.source).toMatchObject({ deadLetters: 3, firstOffset: 0n, nextOffset: 4n });
    expect(batch?.pairs).toHaveLength(1);
  });

  test('a stream of bad records only does not fill the memory: they become dead letters before any pair comes', async () => {
    await using service = await start();
    const large = Buffer.alloc(9 * 2 ** 20, 'a');
    for (let i = 0; i < 3; i++) await put(service.log, [large]);
    const stop = new AbortController();
    const consuming = service.tokenizer.consume(stop.signal);
    await until(async () => (await recordsOf(service.log, topics.deadLetters)).length === 2);
    stop.abort();
    await consuming;
    expect(await batchesOf(service.log)).toEqual([]);
  });
});
