import { needsReference, type Objective } from '@alphapo/contracts';
import { openEngine } from '@alphapo/engine';
import { globalNorm } from '@alphapo/optim';
import { openSafetensors } from '@alphapo/safetensors';
import { describeShared } from '../shared-data.ts';
import {
  FAMILIES,
  goldenPath,
  LORA_FAMILIES,
  modelPath,
  objectiveOf,
  readGolden,
  relative,
  relativeL2,
} from './golden-files.ts';
import { CPU, load, startOf } from './policies.ts';

const CASES = [
  ...FAMILIES.map((family) => [family, 'full'] as const),
  ...LORA_FAMILIES.map((family) => [family, 'lora'] as const),
];
const goldenFile = (kind: 'full' | 'lora') => (kind === 'full' ? 'golden' : 'golden.lora');

describeShared('golden/models', () => {
  test.each(CASES)('the gradient of %s (%s) agrees tensor by tensor', async (family, kind) => {
    const golden = await readGolden(family, kind);
    const expected = await openSafetensors(goldenPath('models', family, `${goldenFile(kind)}.safetensors`));
    await using engine = await openEngine(modelPath(family), CPU);
    await load(engine, 'start', await startOf(modelPath(family), kind));
    const result = await engine.gradient({
      pairs: golden.pairs,
      batchPairs: golden.pairs.length,
      objective: { kind: 'alphapo', ...golden.gradient.params },
      policyDigest: 'start',
    });
    expect(relative(result.loss, golden.gradient.loss)).toBeLessThan(1e-5);
    expect(Math.abs(globalNorm(result.gradient) / golden.gradient.grad_norm - 1)).toBeLessThan(1e-4);
    const { per_tensor_rel_l2: tolerance } = golden.tolerance.gradient;
    for (const [name, { data }] of result.gradient) {
      const reference = await expected.readFloat64(`grad.${kind}.${name}`);
      const leftOut = golden.zero_gradient_ranges?.[name];
      expect({ name, l2: relativeL2(data, reference, leftOut) <= tolerance.suggested }).toEqual({ name, l2: true });
    }
  });

  test.each(['llama', 'gpt2'] as const)(
    'every objective differentiates as the reference does, on %s',
    async (family) => {
      const golden = await readGolden(family);
      await using engine = await openEngine(modelPath(family), CPU);
      await load(engine, 'start', await startOf(modelPath(family), 'full'));
      let compared = 0;
      for (const row of golden.objective_gradients ?? []) {
        const objective = objectiveOf(row);
        // The golden reference of the bare model is another model; the engine's is the base model.
        if (objective === undefined || needsReference(objective)) continue;
        const request = { pairs: golden.pairs, batchPairs: golden.pairs.length, objective, policyDigest: 'start' };
        const { gradient } = await engine.gradient(request);
        expect(Math.abs(globalNorm(gradient) / row.grad_norm - 1)).toBeLessThan(1e-4);
        for (const [name, tensor] of gradient) {
          if (golden.zero_gradient_ranges?.[name] !== undefined) continue;
          const norm = globalNorm(new Map([[name, tensor]]));
          expect(Math.abs(norm / (row.tensor_norms[name] ?? Number.NaN) - 1)).toBeLessThan(1e-3);
        }
        compared++;
      }
      expect(compared).toBeGreaterThanOrEqual(3);
    },
  );

  test.each(LORA_FAMILIES)('DPO on %s with LoRA takes the base model as its reference', async (family) => {
    const golden = await readGolden(family, 'lora');
    await using engine = await openEngine(modelPath(family), CPU);
    await load(engine, 'start', await startOf(modelPath(family), 'lora'));
    const row = golden.objectives.find(({ objective }) => objective === 'dpo');
    if (row === undefined) throw new Error('no dpo row');
    const objective = objectiveOf(row) as Objective;
    const policy = { kind: 'policy', digest: 'start' } as const;
    const scored = await engine.scorePairs(golden.pairs, policy, { objective });
    const request = { pairs: golden.pairs, batchPairs: golden.pairs.length, objective, policyDigest: 'start' };
    const { pairs } = await engine.gradient(request);
    for (const outcomes of [scored, pairs]) {
      for (const [i, { loss, rewardChosen }] of outcomes.entries()) {
        expect(relative(loss, row.loss_per_pair[i] as number)).toBeLessThanOrEqual(row.tolerance.loss_rel.suggested);
        const { reward_rel } = row.tolerance;
        expect(relative(rewardChosen, row.reward_chosen[i] as number)).toBeLessThanOrEqual(reward_rel.suggested);
      }
    }
  });
});
