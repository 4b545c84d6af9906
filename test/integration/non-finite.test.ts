import { type RunSettings, trainingStepSchema, type WatchStepsResponse } from '@alphapo/contracts';

import { CALL, pairs, recordsOf, smallModel, startRun, type TestRun, topics } from './services.fixture.ts';

/** A run that diverges for real: the learning rate makes the weights so large that float32 overflows in the next step. */

const DIVERGING: Partial<RunSettings> = {
  ...{ steps: 4, batchSize: 4, shards: 2, full: true },
  ...{ learningRate: 1e30, scheduler: 'constant', warmupSteps: 0 },
};
const RECORDS = pairs(16);

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

const publishedSteps = async (run: TestRun) =>
  (await recordsOf(run.log, topics.trainingSteps)).map(({ value }) =>
    trainingStepSchema.parse(JSON.parse(Buffer.from(value as Uint8Array).toString())),
  );

test('by default the run stops and names the pairs', async () => {
  await using run = await startRun(model, DIVERGING);
  await expect(run.train(RECORDS)).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'NON_FINITE_LOSS',
    message: expect.stringMatching(/^step 2: the loss is not finite for pair-4, pair-5, pair-6, pair-7; check these/),
  });
  expect(run.optimizer.trainer.status).toMatchObject({ state: 'failed', message: expect.stringContaining('pair-4') });
  expect(await publishedSteps(run)).toHaveLength(1);
});

describe('where such batches are skipped', () => {
  const settings = { ...DIVERGING, onNonFinite: 'skip' } as const;
  let run: TestRun;
  beforeAll(async () => {
    run = await startRun(model, settings);
    await run.train(RECORDS);
  });
  afterAll(() => run[Symbol.asyncDispose]());

  test('the steps are published, with the pairs, and the weights stay', async () => {
    const steps = await publishedSteps(run);
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(steps.map(({ skipped }) => skipped?.reason)).toEqual([undefined, ...Array(3).fill('NON_FINITE_LOSS')]);
    expect(steps[1]).toMatchObject({ skipped: { pairIds: steps[1]?.pairIds }, loss: Number.NaN, gradNorm: Number.NaN });
    expect(new Set(steps.map(({ policyDigest }) => policyDigest)).size).toBe(1);
    expect(run.optimizer.trainer.policy.step).toBe(4);
  });

  test('who watches sees why', async () => {
    const seen: WatchStepsResponse[] = await Array.fromAsync(run.connection.watchSteps({ fromStep: 2n }, CALL));
    expect(seen).toMatchObject([{ step: 2n, skipped: { reason: 'NON_FINITE_LOSS' } }, { step: 3n }, { step: 4n }]);
  });

  test('computed again from the ledger, the same steps are skipped', async () => {
    const again = await run.startOptimizer();
    await using scorer = await run.startScorer(again.address);
    run.scorers.splice(0, 1, scorer.address);
    await again.train(new AbortController().signal);
    expect(again.trainer.policy).toMatchObject({ step: 4, digest: run.optimizer.trainer.policy.digest });
    expect(await publishedSteps(run)).toHaveLength(4);
  });
});

test('that it skips is a part of what a run is', async () => {
  await using stopping = await startRun(model, DIVERGING);
  await using skipping = await startRun(model, { ...DIVERGING, onNonFinite: 'skip' });
  expect(stopping.optimizer.trainer.run.id).not.toBe(skipping.optimizer.trainer.run.id);
});
