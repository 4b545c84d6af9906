import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { tinyConfigs, writeTinyModel } from './model.fixture.ts';
import { openEngine } from './worker-engine.ts';

const CPU = { executionProvider: 'cpu', threads: 1 } as const;
const BASE = { kind: 'base' } as const;
const DPO = { kind: 'dpo', beta: 0.5 } as const;

const PAIRS = [
  { prompt: [1, 2, 3], chosen: [4, 5, 6, 7], rejected: [8, 9] },
  { prompt: [10], chosen: [11], rejected: [12, 13, 14] },
];

const tinyModel = async (config: object = tinyConfigs.llama) => writeTinyModel(await temporaryFolder(), config);
const tinyLlama = (config: object) => tinyModel({ ...tinyConfigs.llama, ...config });

test('a reference model of another architecture is compared with', async () => {
  const [model, reference] = [await tinyModel(), await tinyModel(tinyConfigs.gpt2)];
  await using engine = await openEngine(model, { ...CPU, referenceModel: reference });
  await using alone = await openEngine(reference, CPU);
  const [outcomes, under] = [
    await engine.scorePairs(PAIRS, BASE, { objective: DPO }),
    await alone.scorePairs(PAIRS, BASE),
  ];
  for (const [i, { chosen, rejected, rewardChosen, rewardRejected }] of outcomes.entries()) {
    expect(rewardChosen).toBeCloseTo(0.5 * (chosen.sum - (under[i]?.chosen.sum as number)), 12);
    expect(rewardRejected).toBeCloseTo(0.5 * (rejected.sum - (under[i]?.rejected.sum as number)), 12);
    expect(rewardChosen).not.toBeCloseTo(0, 2);
  }
  expect(engine.model).toMatchObject({ digest: expect.any(String), referenceDigest: alone.model.digest });
  expect(alone.model.referenceDigest).toBe(alone.model.digest);
});

test('without one, a model is compared with itself before training', async () => {
  await using engine = await openEngine(await tinyModel(), CPU);
  const outcomes = await engine.scorePairs(PAIRS, BASE, { objective: DPO });
  expect(outcomes.map(({ rewardChosen, rewardRejected }) => [rewardChosen, rewardRejected])).toEqual([
    [0, 0],
    [0, 0],
  ]);
});

test('a reference model with another vocabulary is refused by the size of both', async () => {
  const [model, reference] = [await tinyModel(), await tinyLlama({ vocab_size: 62 })];
  await expect(openEngine(model, { ...CPU, referenceModel: reference })).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'REFERENCE_VOCABULARY',
    message: expect.stringMatching(/62.*61/),
  });
});

test('a pair that is too long for the reference model is rejected by its number if the objective uses the reference', async () => {
  const [model, reference] = [await tinyModel(), await tinyLlama({ max_position_embeddings: 6 })];
  await using engine = await openEngine(model, { ...CPU, referenceModel: reference });
  const long = { prompt: [1, 2, 3], chosen: [4, 5, 6, 7], rejected: [8] };
  const [short] = PAIRS.slice(1);
  const scoring = engine.scorePairs([short ?? long, long], BASE, { objective: DPO });
  await expect(scoring).rejects.toMatchObject({ reason: 'TOO_LONG', metadata: { item: '1' } });
  await expect(engine.scorePairs([long], BASE)).resolves.toHaveLength(1);
});
