import { seededRandom } from '@alphapo/base';

/** Spreads neighbouring epochs of neighbouring seeds over the seeds of the generator. */
const EPOCH_STRIDE = 0x9e3779b1;

/** The order of an epoch: a permutation of 0 … count - 1 that depends on the seed and the epoch alone. */
export function shuffledOrder(count: number, seed: number, epoch: number): number[] {
  const random = seededRandom((seed + Math.imul(epoch, EPOCH_STRIDE)) >>> 0);
  return random.shuffle(Array.from({ length: count }, (_, index) => index));
}
