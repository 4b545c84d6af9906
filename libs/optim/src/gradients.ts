import { AlphapoError, type FloatTensor, type FloatTensors } from '@alphapo/base';
import { bundled, byName, piecesOf } from './pieces.ts';
import { checkSameTensors } from './same-tensors.ts';
import { callingThread, type Runner } from './threads.ts';

/** PyTorch's guard against a division by zero in `clip_grad_norm_`. */
const CLIP_EPSILON = 1e-6;
/** Tensors that an error message lists before it counts the rest. */
const LISTED_TENSORS = 5;

/**
 * The L2 norm over all elements of all tensors, accumulated in float64 in a fixed order: pieces of tensors by name, whatever
 * the order of the map. Float32 squares can't overflow float64, so a sum that isn't finite has an element that isn't: then
 * throws NON_FINITE_GRADIENT with the names of the tensors and how many elements of each.
 */
export async function globalNorm(gradients: FloatTensors, runner: Runner = callingThread): Promise<number> {
  const pieces = byName(gradients).flatMap(([, { data }]) => piecesOf([data]).flat());
  const sums = await runner.run(
    'sumsOfSquares',
    bundled(pieces, ({ length }) => length),
  );
  const sum = sums.flat().reduce((total, part) => total + part, 0);
  if (!Number.isFinite(sum)) throw nonFinite(gradients);
  return Math.sqrt(sum);
}

function nonFinite(gradients: FloatTensors): AlphapoError {
  const counts = [...gradients]
    .map(([name, { data }]) => ({ name, total: data.length, count: data.filter((x) => !Number.isFinite(x)).length }))
    .filter(({ count }) => count > 0);
  const listed = counts
    .slice(0, LISTED_TENSORS)
    .map(({ name, count, total }) => `${name} (${count} of ${total} elements)`);
  const more = counts.length > LISTED_TENSORS ? ` and ${counts.length - LISTED_TENSORS} more tensors` : '';
  return new AlphapoError(
    'failed-precondition',
    'NON_FINITE_GRADIENT',
    `the gradient is not finite in ${listed.join(', ')}${more}; look for a broken pair in this batch, lower the learning rate, or use another dtype than float16`,
    { metadata: Object.fromEntries(counts.slice(0, LISTED_TENSORS).map(({ name, count }) => [name, String(count)])) },
  );
}

/**
 * The factor that brings a gradient of this norm down to `maxNorm`: min(1, maxNorm / (norm + 1e-6)) as PyTorch's
 * `clip_grad_norm_`. A `maxNorm` of 0 turns clipping off.
 */
export function clipScale(norm: number, maxNorm: number): number {
  return maxNorm === 0 ? 1 : Math.min(1, maxNorm / (norm + CLIP_EPSILON));
}

/**
 * total ← total + part, element by element in float32. The sum of several parts depends on their order only: add them
 * in the order of their shards. Throws TENSORS_MISMATCH where names or shapes differ, before anything changed.
 */
export async function addInto(total: FloatTensors, part: FloatTensors, runner: Runner = callingThread): Promise<void> {
  checkSameTensors(total, part, 'the parts of a gradient');
  const pieces = [...total].flatMap(([name, { data }]) => piecesOf([data, (part.get(name) as FloatTensor).data]));
  await runner.run(
    'add',
    bundled(pieces, ([{ length }]) => length),
  );
}
