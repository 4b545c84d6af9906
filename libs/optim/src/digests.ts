import { bundled } from './pieces.ts';
import type { Runner } from './threads.ts';

/** SHA-256 of each piece in hexadecimal, by the runner's threads; see `policyDigest` of `@alphapo/checkpoints`. */
export async function piecesDigests(pieces: readonly Uint8Array[], runner: Runner): Promise<string[]> {
  const bundles = bundled(pieces, ({ length }) => length / Float32Array.BYTES_PER_ELEMENT);
  return (await runner.run('sha256', bundles)).flat();
}
