import type { Objective } from '@alphapo/contracts';
import { DEFAULT_COMPUTE, needsReference } from '@alphapo/contracts';
import { batchTotals, evaluateObjective, openEngine, type PairOutcome } from '@alphapo/engine';
import { describeShared } from '../support/shared-data.ts';
import { Comparison } from './comparison.ts';
import {
  CASES,
  FAMILIES_WITH_OBJECTIVE_GRADIENTS,
  type Golden,
  type GoldenObjective,
  lossesOfPairs,
  modelPath,
  readGolden,
  readJson,
  readStoriesGolden,
  referencePath,
  referenceSums,
  storiesPath,
  withObjective,
} from './golden-files.ts';
import { CPU, load, loadedAs, startOf } from './policies.ts';

/** Rounding of float64 in a handful of operations. */
const FLOAT64_RELATIVE = 1e-12;
/** Below it float64 has fewer digits. */
const SMALLEST_NORMAL = 2 ** -1022;

type Outcome = Pick<PairOutcome, 'loss' | 'rewardChosen' | 'rewardRejected'>;

/** An objective of the golden log-probabilities themselves. */
async function objectiveOfGolden(golden: Golden, objective: Objective) {
  const side = (which: 'chosen' | 'rejected') =>
    golden.logprobs.float64.map((pair) => ({ sum: pair[which].sum, tokens: pair[which].response.length }));
  const reference = referenceSums(golden, objective);
  return await evaluateObjective(objective, { chosen: side('chosen'), rejected: side('rejected'), reference });
}

function compare(
  outcomes: readonly Outcome[],
  { golden, row, name }: { readonly golden: Golden; readonly row: GoldenObjective; readonly name: string },
  compared: Comparison,
  tolerance: { readonly loss: number; readonly reward: number },
): void {
  const losses = lossesOfPairs(golden, row);
  outcomes.forEach(({ loss, rewardChosen, rewardRejected }, p) => {
    const place = `${name}, pair ${p}`;
    const [chosen, rejected] = [row.reward_chosen[p] as number, row.reward_rejected[p] as number];
    compared.relative('loss of a pair', loss, losses[p] as number, tolerance.loss, { place });
    compared.relative('reward', rewardChosen, chosen, tolerance.reward, { place });
    compared.relative('reward', rewardRejected, rejected, tolerance.reward, { place });
    // A margin is a difference: it is as exact as the larger of its rewards.
    const floor = Math.max(1, Math.abs(chosen), Math.abs(rejected));
    const margin = rewardChosen - rewardRejected;
    compared.relative('margin', margin, row.margin[p] as number, 2 * tolerance.reward, { floor, place });
  });
  const loss = outcomes.reduce((sum, outcome) => sum + outcome.loss, 0) / outcomes.length;
  compared.relative('loss', loss, row.loss, tolerance.loss, { place: name });
}

const suggested = ({ tolerance }: GoldenObjective) => ({
  loss: tolerance.loss_rel.suggested,
  reward: tolerance.reward_rel.suggested,
});

async function expectExact(golden: Golden): Promise<void> {
  const compared = new Comparison();
  for (const { row, objective, name } of withObjective(golden.objectives)) {
    const result = await objectiveOfGolden(golden, objective);
    const outcomes = golden.pairs.map((_, p) => ({
      loss: result.loss[p] as number,
      rewardChosen: result.rewardChosen[p] as number,
      rewardRejected: result.rewardRejected[p] as number,
    }));
    compare(outcomes, { golden, row, name }, compared, { loss: FLOAT64_RELATIVE, reward: FLOAT64_RELATIVE });
  }
  compared.expectWithinTolerance();
}

describeShared('golden/models', () => {
  test.each(CASES)('objectives of the log-probabilities of %s (%s) are exact', async (family, trained) => {
    await expectExact(await readGolden(family, trained));
  });

  test.each(FAMILIES_WITH_OBJECTIVE_GRADIENTS)(
    'derivatives of objectives by the summed log-probabilities of %s are exact',
    async (family) => {
      const golden = await readGolden(family);
      const compared = new Comparison();
      for (const { row, objective, name } of withObjective(golden.objectiveGradients)) {
        const result = await objectiveOfGolden(golden, objective);
        row.dloss_dsum.forEach(([chosen, rejected], p) => {
          // A derivative is about exp(-margin) where pairs are well separated: as exact as the margin, absolutely.
          const margin = Math.abs((result.rewardChosen[p] as number) - (result.rewardRejected[p] as number));
          const tolerance = FLOAT64_RELATIVE * Math.max(1, margin);
          const options = { floor: SMALLEST_NORMAL, place: `${name}, pair ${p}` };
          const share = (gradient: Float64Array) => (gradient[p] as number) / golden.pairs.length;
          compared.relative('chosen', share(result.gradientChosen), chosen, tolerance, options);
          compared.relative('rejected', share(result.gradientRejected), rejected, tolerance, options);
        });
      }
      compared.expectWithinTolerance();
    },
  );

  test.each(CASES)('objectives computed with %s (%s) agree with the reference', async (family, trained) => {
    const golden = await readGolden(family, trained);
    await using engine = await openEngine(modelPath(family), CPU);
    await load(engine, 'start', await startOf(modelPath(family), trained));
    const compared = new Comparison();
    for (const { row, objective, name } of withObjective(golden.objectives)) {
      // A bare model's reference is another model, which is the next test.
      if (needsReference(objective) && trained === 'full') continue;
      const outcomes = await engine.scorePairs(golden.pairs, loadedAs('start'), { objective });
      compare(outcomes, { golden, row, name }, compared, suggested(row));
    }
    compared.expectWithinTolerance();
  });

  test.each<[string, string, string | undefined]>([
    ['the model that the engine was opened with', referencePath(), undefined],
    ['a reference model that it was given', modelPath('llama'), referencePath()],
  ])('objectives of all weights compare with %s', async (_what, model, referenceModel) => {
    const golden = await readGolden('llama');
    await using engine = await openEngine(model, { ...CPU, referenceModel });
    await load(engine, 'start', await startOf(modelPath('llama'), 'full'));
    const compared = new Comparison();
    for (const { row, objective, name } of withObjective(golden.objectives)) {
      if (!needsReference(objective)) continue;
      const scored = await engine.scorePairs(golden.pairs, loadedAs('start'), { objective });
      compare(scored, { golden, row, name }, compared, suggested(row));
      const request = {
        pairs: golden.pairs,
        ...batchTotals(golden.pairs),
        objective,
        policyDigest: 'start',
        compute: DEFAULT_COMPUTE,
      };
      compare((await engine.gradient(request)).pairs, { golden, row, name }, compared, suggested(row));
    }
    compared.expectWithinTolerance();
  });
});

describeShared('data/models/stories260K', () => {
  test('objectives of a trained Llama agree with the reference', async () => {
    const golden = await readStoriesGolden();
    await expectExact(golden);
    await using engine = await openEngine(storiesPath(), CPU);
    const compared = new Comparison();
    for (const { row, objective, name } of withObjective(golden.objectives)) {
      const outcomes = await engine.scorePairs(golden.pairs, { kind: 'base' }, { objective });
      compare(outcomes, { golden, row, name }, compared, suggested(row));
    }
    compared.expectWithinTolerance();
  });
});

/** Numbers beyond float64 are the strings "Infinity" and "-Infinity". */
type Real = number | string;

interface ScalarRow {
  readonly l_chosen: number;
  readonly l_rejected: number;
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
  readonly reward_chosen: Real;
  readonly reward_rejected: Real;
  readonly margin: Real;
  readonly loss: Real;
  readonly dloss_dl_chosen: Real;
  readonly dloss_dl_rejected: Real;
  readonly exceeds_float64: boolean;
}

describeShared('golden/objectives', () => {
  test('AlphaPO is exact for tiny alphas and long tails, and finite where float64 ends', async () => {
    const { rows, count } = await readJson<{ rows: ScalarRow[]; count: number }>('objectives', 'alphapo_scalars.json');
    expect(rows).toHaveLength(count);
    const compared = new Comparison();
    for (const row of rows) {
      const { alpha, beta, gamma } = row;
      // One token a response, so that sums are means.
      const result = await evaluateObjective(
        { kind: 'alphapo', alpha, beta, gamma },
        {
          chosen: [{ sum: row.l_chosen, tokens: 1 }],
          rejected: [{ sum: row.l_rejected, tokens: 1 }],
          reference: undefined,
        },
      );
      const [[rewardChosen], [rewardRejected]] = [result.rewardChosen, result.rewardRejected];
      const margin = (rewardChosen as number) - (rewardRejected as number);
      const derivatives = { chosen: result.gradientChosen[0], rejected: result.gradientRejected[0] };
      const values = [rewardChosen, rewardRejected, margin, result.loss[0], derivatives.chosen, derivatives.rejected];
      if (row.exceeds_float64) {
        expect(values.every(Number.isFinite)).toBe(true);
        continue;
      }
      const place = JSON.stringify(row);
      const close = (quantity: string, actual: number | undefined, expected: Real, floor = SMALLEST_NORMAL) =>
        compared.relative(quantity, actual, Number(expected), FLOAT64_RELATIVE, { floor, place });
      close('reward', rewardChosen, row.reward_chosen);
      close('reward', rewardRejected, row.reward_rejected);
      // A difference is as exact as what it is made of.
      const floor = Math.max(Math.abs(Number(row.reward_chosen)), Math.abs(Number(row.reward_rejected)));
      close('margin', margin, row.margin, floor);
      close('loss', result.loss[0], row.loss);
      close('derivative', derivatives.chosen, row.dloss_dl_chosen);
      close('derivative', derivatives.rejected, row.dloss_dl_rejected);
    }
    compared.expectWithinTolerance();
  });
});
