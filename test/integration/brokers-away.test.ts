import { setTimeout as sleep } from 'node:timers/promises';
import { OptimizerServiceDefinition } from '@alphapo/contracts';
import { openKafkaEventLog } from '@alphapo/messaging';
import { connect } from '@alphapo/rpc';
import { KAFKA_API } from '../chaos/kafka-requests.ts';
import { TcpProxy } from '../chaos/tcp-proxy.ts';
import { type OwnBroker, startOwnKafka } from '../kafka/broker.ts';
import { whyNoJava } from '../kafka/installation.ts';
import { freePort } from '../support/free-port.ts';
import type { ServiceProcess } from '../support/processes.ts';
import { copyingTask, createTopic, numbered, unique, valuesSoon } from './messaging-contract.ts';
import { digestsOf, failureOf, OptimizerPlace, stepsOf, took, undisturbedDigests } from './optimizer-place.ts';
import { CALL, smallModel, until } from './services.fixture.ts';

/** Brokers go away, at a start or in the middle of a transaction: services wait for them, and nothing is lost or done twice. */

const missing = await whyNoJava();
const describeBroker = missing === undefined ? describe : describe.skip;

describeBroker(`brokers that go away${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let broker: OwnBroker;
  /** Between optimizers and the broker, for those who are to be disturbed. */
  let proxy: TcpProxy;
  let behindProxy: number;
  let model: string;
  let undisturbed: string[];
  beforeAll(async () => {
    model = await smallModel();
    undisturbed = await undisturbedDigests(model);
    behindProxy = await freePort();
    proxy = await TcpProxy.start(behindProxy);
    broker = await startOwnKafka([{ port: behindProxy, advertisedPort: proxy.port }]);
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
  });

  beforeEach(() => proxy.retarget(behindProxy));

  const { signal } = new AbortController();
  const awaited = ({ event }: { readonly event: string }) => event === 'event-log.awaited';

  test('services that start before their broker wait for it, say so, and can be stopped meanwhile', async () => {
    await using run = await OptimizerPlace.open(broker, model, 'early-');
    await broker.kill();
    const services = [run.tokenizer(), await run.optimizer()];
    const stopped = [run.tokenizer(), await run.optimizer({ folder: 'stopped' })];
    for (const service of [...services, ...stopped]) {
      expect(await service.event(awaited)).toMatchObject({
        level: 'warn',
        error: expect.stringMatching(
          /no Kafka broker can be reached at 127\.0\.0\.1:\d+ .*check that Kafka runs, that KAFKA_BROKERS/,
        ),
      });
    }
    // What the client library says of each attempt would hide it.
    for (const { events } of services)
      expect(events.filter(({ event }) => event === 'kafka-client.logged')).toEqual([]);
    for (const service of stopped) expect(await service.stop('SIGTERM')).toBe(0);
    await broker.restart();
    for (const service of services) await service.address();
    const [, optimizer] = services as [ServiceProcess, ServiceProcess];
    await run.produce(1, 8);
    expect(await optimizer.exited()).toBe(0);
    expect(digestsOf(await run.published())).toEqual(stepsOf(undisturbed));
  });

  test('an optimizer that loses the broker in the middle of a transaction goes on with the same step, which is published once', async () => {
    await using run = await OptimizerPlace.open(broker, model, 'lost-');
    await run.tokenizer().address();
    const optimizer = await run.optimizer({ brokers: proxy.address });
    using connection = connect(OptimizerServiceDefinition, await optimizer.address());
    const watching = Array.fromAsync(connection.watchSteps({ fromStep: 1n }, { timeoutMs: 120_000 }));
    watching.catch(() => {});
    const recoveries = () => optimizer.events.filter(({ event }) => event === 'ledger.recovered').length;
    const disturbances: (readonly [step: number, disturb: () => Promise<unknown>])[] = [
      [2, () => proxy.loseReply(KAFKA_API.endTransaction, signal)],
      [3, () => proxy.loseRequest(KAFKA_API.endTransaction, signal)],
      [4, () => proxy.loseReply(KAFKA_API.commitOffsets, signal)],
      [
        6,
        async () => {
          await proxy.loseReply(KAFKA_API.endTransaction, signal);
          await broker.kill();
          await until(async () => {
            const { message } = await connection.getStatus({}, CALL);
            return message.includes('waiting for the event log: publishing step 6 failed');
          });
          await sleep(1_000);
          await broker.restart();
        },
      ],
    ];
    for (let step = 1; step <= 8; step++) {
      const disturbance = disturbances.find(([at]) => at === step)?.[1]();
      await run.produce(step, step);
      await disturbance;
      await took(optimizer, step);
      expect(recoveries()).toBe(disturbances.filter(([at]) => at <= step).length);
    }
    expect(await optimizer.exited()).toBe(0);
    const taken = optimizer.events.filter(({ event }) => event === 'step.taken').map(({ step }) => step);
    expect(taken).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(digestsOf(await run.published())).toEqual(stepsOf(undisturbed));
    expect((await watching).map(({ step }) => Number(step))).toEqual(taken);
  });

  test('a transform whose broker dies with a commit that it has not told of makes nothing twice, and loses nothing', async () => {
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' });
    await using disturbed = await openKafkaEventLog({ brokers: [proxy.address], clientId: 'test' });
    const [input, output, group] = [await createTopic(log), await createTopic(log), unique('group')];
    await log.append(numbered(input, 12));
    const lost = proxy.loseReply(KAFKA_API.endTransaction, signal);
    const stop = new AbortController();
    const running = disturbed.transform({
      ...{ group, topic: input, signal: stop.signal },
      outputs: [{ topic: output, partition: 0 }],
      handle: copyingTask(output, 4),
    });
    await lost;
    await broker.kill();
    await broker.restart();
    await until(async () => (await log.lag(group, input))[0]?.lag === 0n);
    stop.abort();
    await running;
    expect(await valuesSoon(log, output, 12)).toEqual(numbered(input, 12).map((record) => `0:${record.value}`));
  });

  test('a transaction that brokers ended because it took too long is not taken for one that was fenced', async () => {
    await using log = await openKafkaEventLog({
      brokers: [proxy.address],
      clientId: 'test',
      transactionTimeoutMs: 1_000,
    });
    const [topic, id] = [await createTopic(log), unique('writer')];
    await using writer = await log.writer(id);
    await writer.write(numbered(topic, 1, 0, 'first'));
    const slow = proxy.slow({ latencyMs: 1_000, bytesPerSecond: 1e6 }, 6_000);
    await expect(writer.write(numbered(topic, 1, 0, 'late'))).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'TRANSACTION_EXPIRED',
    });
    await slow;
    await using again = await log.writer(id);
    await again.write(numbered(topic, 1, 0, 'second'));
    expect(await valuesSoon(log, topic, 2)).toEqual(['first0', 'second0']);
    await expect(writer.write([])).rejects.toMatchObject({ reason: 'WRITER_CLOSED' });
  });

  /** An optimizer whose fourth step is committed, without its knowing, and that cannot reach the broker any more. */
  async function cutOff(run: OptimizerPlace): Promise<ServiceProcess> {
    await run.tokenizer().address();
    const optimizer = await run.optimizer({ brokers: proxy.address });
    await optimizer.address();
    await run.produce(1, 3);
    await took(optimizer, 3);
    // At once: given time, the optimizer would connect again and go on.
    const lost = proxy.loseReply(KAFKA_API.endTransaction, signal).then(() => proxy.retarget(1));
    await run.produce(4, 4);
    await lost;
    await optimizer.event(({ event }) => event === 'ledger.awaited');
    return optimizer;
  }

  test.each([
    ['in its folder', { folder: 'state' }, 4, /took over folder/],
    ['in another folder', { folder: 'other' }, 6, /another optimizer published step 6/],
  ])(
    'an optimizer that was replaced meanwhile, %s, ends fenced and leaves its successor alone',
    async (_where, place, reached, message) => {
      await using run = await OptimizerPlace.open(broker, model, `replaced-${place.folder}-`);
      const first = await cutOff(run);
      const second = await run.optimizer(place);
      await second.address();
      await run.produce(5, reached);
      await took(second, reached);
      proxy.retarget(behindProxy);
      expect(await first.exited()).toBe(1);
      expect(failureOf(first)).toMatchObject({ reason: 'FENCED', message: expect.stringMatching(message) });
      await run.produce(reached + 1, 8);
      expect(await second.exited()).toBe(0);
      expect(digestsOf(await run.published())).toEqual(stepsOf(undisturbed));
    },
  );

  test('an optimizer that is stopped while it waits exits without an error, and the next one goes on', async () => {
    await using run = await OptimizerPlace.open(broker, model, 'stopped-');
    const first = await cutOff(run);
    expect(await first.stop('SIGTERM')).toBe(0);
    proxy.retarget(behindProxy);
    const second = await run.optimizer({ brokers: proxy.address });
    await run.produce(5, 8);
    expect(await second.exited()).toBe(0);
    expect(digestsOf(await run.published())).toEqual(stepsOf(undisturbed));
  });
});
