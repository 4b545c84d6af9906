import { floatTensor } from '@alphapo/base';
import { policyDigest } from '@alphapo/checkpoints';
import { type ComputeSettings, DEFAULT_COMPUTE, type Dtype } from '@alphapo/contracts';
import { batchTotals, openEngine, type PairOutcome } from '@alphapo/engine';
import { openSafetensors } from '@alphapo/safetensors';
import { describeShared } from '../support/shared-data.ts';
import { Comparison, relativeL2, without } from './comparison.ts';
import { CASES, type Golden, modelPath, readGolden, type Trained, tensorsPath } from './golden-files.ts';
import { load, startOf } from './policies.ts';

/** The largest relative error of rounding to a type. */
const UNIT_ROUNDOFF = { bfloat16: 2 ** -8, float16: 2 ** -11 } as const;
type NarrowDtype = keyof typeof UNIT_ROUNDOFF;

/**
 * What rounding may come to, in units of it: a log-probability is off by what its logits are, which are sums of roundings of
 * every layer and of numbers around ten; a gradient's tensor passes the layers twice. About twice of what was measured.
 */
const LIMITS = { logProb: 64, loss: 32, gradient: 32 };

async function gradientIn(
  dtype: Dtype,
  family: string,
  trained: Trained,
  { batchPairs, ...compute }: { batchPairs?: number } & Partial<ComputeSettings> = {},
) {
  const golden = await readGolden(family, trained);
  await using engine = await openEngine(modelPath(family), { executionProvider: 'cpu', dtype, threads: 1 });
  await load(engine, 'start', await startOf(modelPath(family), trained));
  const { pairs } = golden;
  const objective = { kind: 'alphapo', ...golden.gradient.params } as const;
  const totals = batchTotals(pairs);
  return {
    golden,
    ...(await engine.gradient({
      ...{ pairs, ...totals, batchPairs: batchPairs ?? pairs.length, objective, policyDigest: 'start' },
      compute: { ...DEFAULT_COMPUTE, ...compute },
    })),
  };
}

function compareLogProbs(outcomes: readonly PairOutcome[], golden: Golden, limit: number, compared: Comparison): void {
  golden.logprobs.float64.forEach((exact, p) => {
    for (const side of ['chosen', 'rejected'] as const) {
      exact[side].response.forEach((logProb, t) => {
        compared.absolute('log-probability', outcomes[p]?.[side].logProbs[t], logProb, limit, `pair ${p} ${side} ${t}`);
      });
    }
  });
}

describeShared('golden/models', () => {
  const cases = (['bfloat16', 'float16'] as const).flatMap((dtype) => CASES.map((row) => [dtype, ...row] as const));
  test.each(cases)(
    'in %s, %s (%s) is as far from the reference as rounding explains',
    async (dtype, family, trained) => {
      const { golden, gradient, loss, pairs } = await gradientIn(dtype, family, trained);
      const exact = await openSafetensors(tensorsPath(family, trained));
      const unit = UNIT_ROUNDOFF[dtype];
      const compared = new Comparison();
      compareLogProbs(pairs, golden, LIMITS.logProb * unit, compared);
      compared.relative('loss', loss, golden.gradient.loss, LIMITS.loss * unit);
      let differs = 0;
      for (const [name, { data }] of gradient) {
        const leftOut = golden.zeroGradientRanges[name];
        const reference = without(await exact.readFloat64(`grad.${trained}.${name}`), leftOut);
        const difference = relativeL2(without(data, leftOut), reference);
        differs = Math.max(differs, difference);
        compared.difference('gradient', difference, LIMITS.gradient * unit, name);
      }
      compared.expectWithinTolerance();
      expect(differs).toBeGreaterThan(unit / 4);
    },
  );

  test('in float16 a gradient has the same digits, however small its share of the batch', async () => {
    const dtype: NarrowDtype = 'float16';
    const share = 2 ** -20;
    const whole = await gradientIn(dtype, 'llama', 'lora');
    const small = await gradientIn(dtype, 'llama', 'lora', { batchPairs: whole.golden.pairs.length / share });
    const grown = [...small.gradient].map(
      ([name, { shape, data }]) =>
        [
          name,
          floatTensor(
            shape,
            data.map((x) => x / share),
          ),
        ] as const,
    );
    expect(await policyDigest(new Map(grown))).toBe(await policyDigest(whole.gradient));
  });

  test.each(['full', 'lora'] as const)(
    'activations computed again in bfloat16 (%s) have the same bits',
    async (trained) => {
      const kept = await gradientIn('bfloat16', 'llama', trained);
      const again = await gradientIn('bfloat16', 'llama', trained, { activations: 'recomputed' });
      expect(await policyDigest(again.gradient)).toBe(await policyDigest(kept.gradient));
    },
  );
});
