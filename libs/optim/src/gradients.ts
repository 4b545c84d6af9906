import { AlphapoError, type FloatTensor, type FloatTensors } from '@alphapo/base';
import { checkSameTensors } from './same-tensors.ts';

/** PyTorch's guard against a division by zero in `clip_grad_norm_`. */
const CLIP_EPSILON = 1e-6;
/** Tensors that an error message lists before it counts the rest. */
const LISTED_TENSORS = 5;

/**
 * The L2 norm over all elements of all tensors, accumulated in float64 in a fixed order: tensors by name, whatever the
 * order of the map. Float32 squares can't overflow float64, so a sum that isn't finite has an element that isn't: then
 * throws NON_FINITE_GRADIENT with the names of the tensors and how many elements of each.
 */
export function globalNorm(gradients: FloatTensors): number {
  let sum = 0;
  for (const name of [...gradients.keys()].sort()) sum += sumOfSquares((gradients.get(name) as FloatTensor).data);
  if (!Number.isFinite(sum)) throw nonFinite(gradients);
  return Math.sqrt(sum);
}

/** Four running sums, since each addition waits for the one before. */
function sumOfSquares(data: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const aligned = data.length - (data.length % 4);
  for (let i = 0; i < aligned; i += 4) {
    const [x, y, z, w] = [data[i] as number, data[i + 1] as number, data[i + 2] as number, data[i + 3] as number];
    a += x * x;
    b += y * y;
    c += z * z;
    d += w * w;
  }
  for (let i = aligned; i < data.length; i++) a += (data[i] as number) ** 2;
  return a + b + (c + d);
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
    `the gradient is not finite in ${listed.join(', ')}${more}: look for a broken pair in this batch, or lower the learning rate`,
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
export function addInto(total: FloatTensors, part: FloatTensors): void {
  checkSameTensors(total, part, 'the parts of a gradient');
  for (const [name, { data }] of total) addElements(data, (part.get(name) as FloatTensor).data);
}

function addElements(total: Float32Array, part: Float32Array): void {
  for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (part[i] as number);
}
