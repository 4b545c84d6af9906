import type { FloatTensors } from '@alphapo/base';
import type { PairOutcome } from '@alphapo/engine';
import { globalNorm } from '@alphapo/optim';
import { openSafetensors } from '@alphapo/safetensors';
import { Comparison, largest, largestDifference, relativeL2, without } from './comparison.ts';
import { type Golden, type Trained, tensorsPath, type ZeroGradientRanges } from './golden-files.ts';

/** What any device's engine must come to, within the tolerances that the reference files state for float32. */

export type Scored = Pick<PairOutcome, 'chosen' | 'rejected'>;

export function expectLogProbs(scored: readonly Scored[], golden: Golden): void {
  const compared = new Comparison();
  const token = golden.tolerance.token_logprob_abs.suggested;
  const mean = golden.tolerance.mean_logprob_abs?.suggested ?? token;
  expect(scored).toHaveLength(golden.pairs.length);
  golden.logprobs.float64.forEach((pair, p) => {
    for (const side of ['chosen', 'rejected'] as const) {
      const actual = (scored[p] as Scored)[side];
      const { response } = pair[side];
      expect(actual.tokens).toBe(response.length);
      expect(actual.logProbs).toHaveLength(response.length);
      const place = `pair ${p} ${side}`;
      response.forEach((logProb, t) => {
        compared.absolute('token', actual.logProbs[t], logProb, token, `${place} token ${t}`);
      });
      compared.absolute('sum', actual.sum, pair[side].sum, mean * response.length, place);
      compared.absolute('mean', actual.mean, pair[side].mean, mean, place);
    }
  });
  compared.expectWithinTolerance();
}

/** Norms of a gradient: each differs from the exact one by no more than the gradient's own relative L2 difference. */
export async function compareNorms(
  gradient: FloatTensors,
  expected: { readonly grad_norm: number; readonly tensor_norms: Readonly<Record<string, number>> },
  compared: Comparison,
  limits: { readonly tolerance: number; readonly leftOut: ZeroGradientRanges; readonly place?: string },
): Promise<void> {
  const { tolerance, leftOut, place = '' } = limits;
  compared.relative('global norm', await globalNorm(gradient), expected.grad_norm, tolerance, { floor: 0, place });
  expect([...gradient.keys()].sort()).toEqual(Object.keys(expected.tensor_norms).sort());
  for (const [name, { shape, data }] of gradient) {
    const norm = await globalNorm(new Map([[name, { shape, data: without(data, leftOut[name]) }]]));
    const reference = expected.tensor_norms[name] as number;
    compared.relative('norm of a tensor', norm, reference, tolerance, { floor: 0, place: `${place} ${name}` });
  }
}

/** A gradient of AlphaPO over all pairs, tensor by tensor and element by element. */
export async function expectGradient(
  { gradient, loss }: { readonly gradient: FloatTensors; readonly loss: number },
  golden: Golden,
  { family, trained }: { readonly family: string; readonly trained: Trained },
): Promise<void> {
  const expected = await openSafetensors(tensorsPath(family, trained));
  const compared = new Comparison();
  const row = golden.objectives.find(({ params }) => sameParameters(params, golden.gradient.params));
  compared.relative('loss', loss, golden.gradient.loss, row?.tolerance.loss_rel.suggested ?? Number.NaN);
  const { per_tensor_rel_l2, per_element_over_tensor_max } = golden.tolerance.gradient;
  const leftOut = golden.zeroGradientRanges;
  await compareNorms(gradient, golden.gradient, compared, { tolerance: per_tensor_rel_l2.suggested, leftOut });
  for (const [name, { data }] of gradient) {
    const reference = without(await expected.readFloat64(`grad.${trained}.${name}`), leftOut[name]);
    const actual = without(data, leftOut[name]);
    expect(actual).toHaveLength(reference.length);
    compared.difference('tensor, relative L2', relativeL2(actual, reference), per_tensor_rel_l2.suggested, name);
    const element = largestDifference(actual, reference) / largest(reference);
    compared.difference('element', element, per_element_over_tensor_max.suggested, name);
  }
  compared.expectWithinTolerance();
}

function sameParameters(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  return Object.keys({ ...a, ...b }).every((name) => a[name] === b[name]);
}
