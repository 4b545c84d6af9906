import type { FloatTensors } from '@alphapo/base';
import { averagesOverTokens, type ComputeSettings, DEFAULT_COMPUTE, needsReference } from '@alphapo/contracts';
import { batchTotals, openEngine } from '@alphapo/engine';
import { addInto } from '@alphapo/optim';
import { describeShared } from '../support/shared-data.ts';
import { Comparison } from './comparison.ts';
import { compareNorms, expectGradient } from './expectations.ts';
import { gradientWithGivenReference } from './given-reference.ts';
import {
  CASES,
  FAMILIES_WITH_OBJECTIVE_GRADIENTS,
  type Golden,
  modelPath,
  readGolden,
  readStoriesGolden,
  referencePath,
  storiesPath,
  withObjective,
} from './golden-files.ts';
import { CPU, load, startOf } from './policies.ts';

const requestOf = ({ pairs }: Golden) => ({
  pairs,
  ...batchTotals(pairs),
  policyDigest: 'start',
  compute: DEFAULT_COMPUTE,
});

/** Ways to compute a gradient; the second cuts the pairs into several packs. */
const COMPUTE: readonly (readonly [string, ComputeSettings])[] = [
  ['by default', DEFAULT_COMPUTE],
  ['in small packs, activations computed again', { packTokens: 24, activations: 'recomputed', weights: 'packed' }],
];
const WAYS = CASES.flatMap(([family, trained]) =>
  COMPUTE.map(([way, compute]) => [family, trained, way, compute] as const),
);

describeShared('golden/models', () => {
  test.each(WAYS)('the gradient of %s (%s), %s, agrees with the reference', async (family, trained, _way, compute) => {
    const golden = await readGolden(family, trained);
    await using engine = await openEngine(modelPath(family), CPU);
    await load(engine, 'start', await startOf(modelPath(family), trained));
    const objective = { kind: 'alphapo', ...golden.gradient.params } as const;
    await expectGradient(await engine.gradient({ ...requestOf(golden), objective, compute }), golden, {
      family,
      trained,
    });
  });

  test.each(FAMILIES_WITH_OBJECTIVE_GRADIENTS)(
    'every objective has the gradient of the reference on %s',
    async (family) => {
      const golden = await readGolden(family);
      await using engine = await openEngine(modelPath(family), CPU);
      await load(engine, 'start', await startOf(modelPath(family), 'full'));
      const compared = new Comparison();
      const tolerance = golden.tolerance.gradient.per_tensor_rel_l2.suggested;
      for (const { row, objective, name } of withObjective(golden.objectiveGradients)) {
        const gradient = needsReference(objective)
          ? await gradientWithGivenReference(modelPath(family), golden, objective)
          : (await engine.gradient({ ...requestOf(golden), objective })).gradient;
        await compareNorms(gradient, row, compared, { tolerance, leftOut: golden.zeroGradientRanges, place: name });
      }
      compared.expectWithinTolerance();
    },
  );

  test('shards add up to the gradient of the batch where it averages over tokens', async () => {
    const golden = await readGolden('llama');
    await using engine = await openEngine(modelPath('llama'), CPU);
    await load(engine, 'start', await startOf(modelPath('llama'), 'full'));
    const compared = new Comparison();
    const tolerance = golden.tolerance.gradient.per_tensor_rel_l2.suggested;
    const { pairs: all, ...request } = requestOf(golden);
    for (const { row, objective, name } of withObjective(golden.objectiveGradients)) {
      if (!averagesOverTokens(objective)) continue;
      const [total, ...others] = await Promise.all(
        all.map(async (pair) => (await engine.gradient({ ...request, pairs: [pair], objective })).gradient),
      );
      for (const other of others) await addInto(total as FloatTensors, other);
      const limits = { tolerance, leftOut: golden.zeroGradientRanges, place: name };
      await compareNorms(total as FloatTensors, row, compared, limits);
    }
    compared.expectWithinTolerance();
  });

  test.each<[string, string, string | undefined]>([
    ['the model that the engine was opened with', referencePath(), undefined],
    ['a reference model that it was given', modelPath('llama'), referencePath()],
  ])('compared with %s, objectives have the gradient of the reference', async (_what, model, referenceModel) => {
    const golden = await readGolden('llama');
    await using engine = await openEngine(model, { ...CPU, referenceModel });
    await load(engine, 'start', await startOf(modelPath('llama'), 'full'));
    const compared = new Comparison();
    const tolerance = golden.tolerance.gradient.per_tensor_rel_l2.suggested;
    for (const { row, objective, name } of withObjective(golden.objectiveGradients)) {
      if (!needsReference(objective)) continue;
      const { gradient } = await engine.gradient({ ...requestOf(golden), objective });
      await compareNorms(gradient, row, compared, { tolerance, leftOut: golden.zeroGradientRanges, place: name });
    }
    compared.expectWithinTolerance();
  });
});

describeShared('data/models/stories260K', () => {
  test('the gradient of a trained Llama, all but lost in a loss of 1e-12, has the norms of the reference', async () => {
    const golden = await readStoriesGolden();
    await using engine = await openEngine(storiesPath(), CPU);
    await load(engine, 'start', await startOf(storiesPath(), 'full'));
    const objective = { kind: 'alphapo', ...golden.gradient.params } as const;
    const { gradient } = await engine.gradient({ ...requestOf(golden), objective });
    const compared = new Comparison();
    const tolerance = golden.tolerance.gradient.per_tensor_rel_l2.suggested;
    await compareNorms(gradient, golden.gradient, compared, { tolerance, leftOut: golden.zeroGradientRanges });
    compared.expectWithinTolerance();
  });
});
