import type { Objective } from '@alphapo/contracts';
import { needsReference } from '@alphapo/contracts';
import { evaluateObjective, openEngine } from '@alphapo/engine';
import { describeShared } from '../shared-data.ts';
import { FAMILIES, modelPath, objectiveOf, readGolden, readJson, relative } from './golden-files.ts';
import { CPU } from './policies.ts';

/** Rounding of float64 in a handful of operations. */
const FLOAT64_RELATIVE = 1e-12;
/** Exponents are clamped to 600 in magnitude; beyond that a reward is constant. */
const MAX_EXPONENT = 600;

interface ScalarRow {
  readonly l_chosen: number;
  readonly l_rejected: number;
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
  readonly reward_chosen: number | string;
  readonly reward_rejected: number | string;
  readonly margin: number | string;
  readonly loss: number | string;
  readonly dloss_dl_chosen: number | string;
  readonly dloss_dl_rejected: number | string;
}

/** An objective of single pairs whose responses have one token, so that sums are means. */
async function evaluateMeans(objective: Objective, chosen: number[], rejected: number[]) {
  const ones = chosen.map(() => 1);
  return evaluateObjective(objective, {
    chosen: chosen.map((sum, i) => ({ sum, tokens: ones[i] as number })),
    rejected: rejected.map((sum, i) => ({ sum, tokens: ones[i] as number })),
    reference: undefined,
  });
}

describeShared('golden/objectives', () => {
  test('AlphaPO is exact over the whole range of its inputs, tiny alphas and long tails included', async () => {
    const { rows } = await readJson<{ rows: ScalarRow[] }>('objectives', 'alphapo_scalars.json');
    expect(rows.length).toBeGreaterThan(100);
    for (const row of rows) {
      const { alpha, beta, gamma, l_chosen, l_rejected } = row;
      const result = await evaluateMeans({ kind: 'alphapo', alpha, beta, gamma }, [l_chosen], [l_rejected]);
      const actual = {
        reward_chosen: result.rewardChosen[0],
        reward_rejected: result.rewardRejected[0],
        margin: (result.rewardChosen[0] as number) - (result.rewardRejected[0] as number),
        loss: result.loss[0],
        dloss_dl_chosen: result.gradientChosen[0],
        dloss_dl_rejected: result.gradientRejected[0],
      };
      const clamped = Math.max(Math.abs(alpha * l_chosen), Math.abs(alpha * l_rejected)) > MAX_EXPONENT;
      for (const [name, value] of Object.entries(actual)) {
        expect(Number.isFinite(value)).toBe(true);
        const expected = Number(row[name as keyof typeof actual]);
        if (clamped || !Number.isFinite(expected)) continue;
        // A margin is a difference: it is as exact as the larger of the two rewards.
        const rewards = [row.reward_chosen, row.reward_rejected].map((reward) => Math.abs(Number(reward)));
        const scale = Math.max(1, name === 'margin' ? Math.max(...rewards) : Math.abs(expected));
        const difference = Math.abs((value as number) - expected) / scale;
        expect({ row, name, value, close: difference <= FLOAT64_RELATIVE }).toEqual({ row, name, value, close: true });
      }
    }
  });
});

describeShared('golden/models', () => {
  test.each(FAMILIES)('objectives of the exact log-probabilities of %s are exact', async (family) => {
    const golden = await readGolden(family);
    const side = (which: 'chosen' | 'rejected') =>
      golden.logprobs.float64.map((pair) => ({ sum: pair[which].sum, tokens: pair[which].response.length }));
    let compared = 0;
    for (const row of golden.objectives) {
      const objective = objectiveOf(row);
      if (objective === undefined) continue;
      const result = await evaluateObjective(objective, {
        chosen: side('chosen'),
        rejected: side('rejected'),
        reference: needsReference(objective) ? referenceOf(golden) : undefined,
      });
      row.loss_per_pair.forEach((loss, i) => {
        expect(relative(result.loss[i] as number, loss)).toBeLessThan(1e-11);
        expect(relative(result.rewardChosen[i] as number, row.reward_chosen[i] as number)).toBeLessThan(1e-11);
      });
      compared++;
    }
    expect(compared).toBeGreaterThan(10);
  });

  test.each(FAMILIES)('objectives computed through %s agree within the tolerance of the reference', async (family) => {
    const golden = await readGolden(family);
    await using engine = await openEngine(modelPath(family), CPU);
    for (const row of golden.objectives) {
      const objective = objectiveOf(row);
      // The bare model's reference is another model; with LoRA it is the base, see gradients.test.ts.
      if (objective === undefined || needsReference(objective)) continue;
      const outcomes = await engine.scorePairs(golden.pairs, { kind: 'base' }, { objective });
      const { loss_rel, reward_rel } = row.tolerance;
      for (const [i, { loss, rewardChosen, rewardRejected }] of outcomes.entries()) {
        expect(relative(loss, row.loss_per_pair[i] as number)).toBeLessThanOrEqual(loss_rel.suggested);
        expect(relative(rewardChosen, row.reward_chosen[i] as number)).toBeLessThanOrEqual(reward_rel.suggested);
        expect(relative(rewardRejected, row.reward_rejected[i] as number)).toBeLessThanOrEqual(reward_rel.suggested);
      }
    }
  });
});

function referenceOf(golden: Awaited<ReturnType<typeof readGolden>>) {
  const rows = golden.reference?.float64 ?? [];
  return { chosen: rows.map(({ chosen }) => chosen.sum), rejected: rows.map(({ rejected }) => rejected.sum) };
}
