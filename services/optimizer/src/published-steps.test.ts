import { RUN_HEADER, type TrainingStep } from '@alphapo/contracts';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { PublishedSteps } from './published-steps.ts';

const TOPIC = 'training-steps';
const { signal } = new AbortController();

const stepOf = (step: number, runId = 'run'): TrainingStep => ({
  ...{ runId, step, batchOffset: `${step - 1}`, pairIds: ['a', 'b'], learningRate: 0.1, loss: 1, gradNorm: 1 },
  ...{ accuracy: 1, rewardChosen: 1, rewardRejected: 0, margin: 1, meanLogProbChosen: -1, meanLogProbRejected: -2 },
  ...{ tokens: 8, durationMs: 1, policyDigest: `sha256:${step}` },
});

async function logWith(...steps: TrainingStep[]) {
  const log = openEmbeddedEventLog({ path: ':memory:' });
  await log.ensureTopics([{ name: TOPIC, partitions: 1 }]);
  const append = (...more: TrainingStep[]) =>
    log.append(
      more.map((step) => ({
        ...{ topic: TOPIC, partition: 0, value: JSON.stringify(step), headers: { [RUN_HEADER]: step.runId } },
      })),
    );
  await append(...steps);
  return { log, append, [Symbol.asyncDispose]: () => log[Symbol.asyncDispose]() };
}

test('of pairs only their number is kept', async () => {
  await using place = await logWith(stepOf(1));
  const published = new PublishedSteps(place.log, TOPIC, 'run');
  await published.readOn(signal);
  published.add(stepOf(2));
  expect(published.steps).toMatchObject([
    { step: 1, pairs: 2 },
    { step: 2, pairs: 2 },
  ]);
  expect(JSON.stringify(published.steps)).not.toContain('pairIds');
});

test('what was published since is read on, and steps of other runs are left out', async () => {
  await using place = await logWith(stepOf(1), stepOf(1, 'other'));
  const published = new PublishedSteps(place.log, TOPIC, 'run');
  await published.readOn(signal);
  await place.append(stepOf(2, 'other'), stepOf(2));
  await published.readOn(signal);
  expect(published.steps.map(({ runId, step }) => [runId, step])).toEqual([
    ['run', 1],
    ['run', 2],
  ]);
});

test('what this optimizer published is read once more, and is compared', async () => {
  await using place = await logWith(stepOf(1));
  const published = new PublishedSteps(place.log, TOPIC, 'run');
  await published.readOn(signal);
  published.add(stepOf(2));
  expect(() => published.requireAllRead()).toThrow(/step 2 was published, but training-steps has 1 steps/);
  await place.append(stepOf(2), stepOf(3));
  await published.readOn(signal);
  published.requireAllRead();
  expect(published.steps.map(({ step }) => step)).toEqual([1, 2, 3]);
  published.add(stepOf(4));
  await place.append({ ...stepOf(4), policyDigest: 'sha256:other' });
  await expect(published.readOn(signal)).rejects.toMatchObject({ code: 'data-loss', reason: 'LEDGER_BROKEN' });
});

test('a reading that is aborted says so, and is no short ledger', async () => {
  await using place = await logWith(stepOf(1));
  const published = new PublishedSteps(place.log, TOPIC, 'run');
  await expect(published.readOn(AbortSignal.abort())).rejects.toMatchObject({ reason: 'STOPPED' });
});
