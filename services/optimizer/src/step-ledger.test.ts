import { AlphapoError } from '@alphapo/base';
import { RUN_HEADER, type TrainingStep, topicsWithPrefix } from '@alphapo/contracts';
import { type EventLog, openEmbeddedEventLog, recordsToEnd } from '@alphapo/messaging';
import { createLogger } from '@alphapo/telemetry';
import type { Lease } from './lease.ts';
import { PublishedSteps } from './published-steps.ts';
import { StepLedger } from './step-ledger.ts';

const TOPICS = topicsWithPrefix();
const RUN = 'run';
const silent = createLogger({ service: 'test', level: 'silent' });
const never = new AbortController().signal;

const stepOf = (step: number, policyDigest = `sha256:${step}`): TrainingStep => ({
  ...{ runId: RUN, step, batchOffset: `${step - 1}`, pairIds: ['a'], learningRate: 0.1, loss: 1, gradNorm: 1 },
  ...{ accuracy: 1, rewardChosen: 1, rewardRejected: 0, margin: 1, meanLogProbChosen: -1, meanLogProbRejected: -2 },
  ...{ tokens: 8, durationMs: 1, policyDigest },
});

/**
 * Where the connection breaks at a write: before the log has the transaction, or before its answer arrives. `forgotten`: the log
 * says that it has it, and loses it.
 */
type Break = 'before-commit' | 'after-commit' | 'forgotten';

/** A log whose writers lose their connection when told. */
function disturbed(log: EventLog, breaks: Break[]): EventLog {
  const lost = () => new AlphapoError('unavailable', 'WRITE_OUTCOME_UNKNOWN', 'the connection broke');
  return {
    ...log,
    async writer(id) {
      const writer = await log.writer(id);
      return {
        id,
        async write(records, positions) {
          const at = breaks.shift();
          if (at === 'before-commit') throw lost();
          if (at === 'forgotten') return;
          await writer.write(records, positions);
          if (at === 'after-commit') throw lost();
        },
        [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
      };
    },
  };
}

class TestLease implements Lease {
  isTaken = false;
  async assertHeld() {
    if (this.isTaken) throw new AlphapoError('failed-precondition', 'FENCED', 'the folder was taken over');
  }
}

/** A run's topics; `ledger` opens it as an optimizer does. */
async function place() {
  const log = openEmbeddedEventLog({ path: ':memory:' });
  await log.ensureTopics([TOPICS.trainingSteps, TOPICS.preferenceBatches].map((name) => ({ name, partitions: 1 })));
  return {
    log,
    async ledger(breaks: Break[] = [], lease: Lease = new TestLease()) {
      const published = new PublishedSteps(log, TOPICS.trainingSteps, RUN);
      const parts = { log: disturbed(log, breaks), topics: TOPICS, runId: RUN, published, lease, logger: silent };
      return StepLedger.open(parts, never);
    },
    /** What another optimizer publishes that this one does not hear of. */
    publish: (...steps: TrainingStep[]) =>
      log.append(
        steps.map((step) => ({
          ...{ topic: TOPICS.trainingSteps, partition: 0, value: JSON.stringify(step), headers: { [RUN_HEADER]: RUN } },
        })),
      ),
    async records(): Promise<TrainingStep[]> {
      const records = await Array.fromAsync(recordsToEnd(log, TOPICS.trainingSteps, 0));
      return records.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()));
    },
    committed: async () => (await log.lag(TOPICS.optimizerGroup, TOPICS.preferenceBatches))[0]?.committed,
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

const numbers = (steps: readonly { readonly step: number }[]) => steps.map(({ step }) => step);

test.each<[string, Break[]]>([
  ['before the log has it', ['before-commit']],
  ['after the log has it', ['after-commit']],
  ['again and again', ['before-commit', 'before-commit', 'after-commit']],
])('a step whose connection breaks %s is published once, and told once', async (_when, breaks) => {
  await using run = await place();
  await using ledger = await run.ledger();
  await ledger.publish(stepOf(1), never);
  await using disturbedLedger = await run.ledger(breaks);
  const stop = new AbortController();
  const told: number[] = [];
  const following = (async () => {
    for await (const { step } of disturbedLedger.follow(1, stop.signal)) if (told.push(step) === 3) stop.abort();
  })();
  await disturbedLedger.publish(stepOf(2), never);
  await disturbedLedger.publish(stepOf(3), never);
  await following;
  expect(breaks).toEqual([]);
  expect(numbers(await run.records())).toEqual([1, 2, 3]);
  expect(numbers(disturbedLedger.steps)).toEqual([1, 2, 3]);
  expect(told).toEqual([1, 2, 3]);
  expect(await run.committed()).toBe(3n);
  expect(disturbedLedger.waiting).toBeUndefined();
});

test('a step that was confirmed, and is not there after all, is published again before the next one', async () => {
  await using run = await place();
  await using ledger = await run.ledger(['forgotten', 'before-commit']);
  await ledger.publish(stepOf(1), never);
  await ledger.publish(stepOf(2), never);
  expect(numbers(await run.records())).toEqual([1, 2]);
  expect(numbers(ledger.steps)).toEqual([1, 2]);
});

test('steps that are gone from the topic are not written over', async () => {
  await using run = await place();
  await using ledger = await run.ledger(['forgotten', 'forgotten', 'before-commit']);
  await ledger.publish(stepOf(1), never);
  await ledger.publish(stepOf(2), never);
  await expect(ledger.publish(stepOf(3), never)).rejects.toMatchObject({ code: 'data-loss', reason: 'LEDGER_BROKEN' });
  expect(await run.records()).toEqual([]);
});

test.each<Break>(['before-commit', 'after-commit'])('a position whose connection breaks %s is moved', async (at) => {
  await using run = await place();
  await using ledger = await run.ledger([at]);
  await ledger.passOver(6n, never);
  expect(await run.committed()).toBe(7n);
  expect(await run.records()).toEqual([]);
});

test('while it waits it says for what, and a signal ends that', async () => {
  await using run = await place();
  await using ledger = await run.ledger(Array<Break>(100).fill('before-commit'));
  const stop = new AbortController();
  const publishing = ledger.publish(stepOf(1), stop.signal);
  publishing.catch(() => {});
  while (ledger.waiting === undefined) await new Promise(setImmediate);
  expect(ledger.waiting).toMatch(/publishing step 1 .*the connection broke/);
  stop.abort();
  await expect(publishing).rejects.toMatchObject({ code: 'cancelled', reason: 'STOPPED' });
  expect(await run.records()).toEqual([]);
});

test('an optimizer whose folder was taken over meanwhile ends fenced, and does not fence its successor', async () => {
  await using run = await place();
  const lease = new TestLease();
  await using ledger = await run.ledger(['before-commit'], lease);
  await using successor = await run.ledger();
  lease.isTaken = true;
  await expect(ledger.publish(stepOf(1), never)).rejects.toMatchObject({ reason: 'FENCED' });
  await successor.publish(stepOf(1), never);
  expect(numbers(await run.records())).toEqual([1]);
});

test('so does one whose successor works in another folder, and has published further steps', async () => {
  await using run = await place();
  await using ledger = await run.ledger(['before-commit']);
  await using successor = await run.ledger();
  await successor.publish(stepOf(1), never);
  await successor.publish(stepOf(2), never);
  await expect(ledger.publish(stepOf(1), never)).rejects.toMatchObject({
    reason: 'FENCED',
    message: expect.stringContaining('published step 2'),
  });
  await successor.publish(stepOf(3), never);
  expect(numbers(await run.records())).toEqual([1, 2, 3]);
});

test('the same step of another optimizer is taken for this one’s, and another one is not', async () => {
  await using run = await place();
  await using ledger = await run.ledger(['before-commit', 'before-commit']);
  await run.publish(stepOf(1));
  await ledger.publish(stepOf(1), never);
  await run.publish(stepOf(2, 'sha256:other'));
  await expect(ledger.publish(stepOf(2), never)).rejects.toMatchObject({
    code: 'data-loss',
    reason: 'NOT_REPRODUCED',
    message: expect.stringContaining('sha256:2 instead of sha256:other'),
  });
  expect(numbers(await run.records())).toEqual([1, 2]);
});
