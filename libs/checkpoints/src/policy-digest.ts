import { canonicalJson, type FloatTensors, sha256 } from '@alphapo/base';

/** One update of a hash takes less than 2 GiB. */
const CHUNK_BYTES = 2 ** 28;

/**
 * "sha256:…" over the tensors by name, whatever the order of the map: for each the line `[name,shape]` as JSON and its
 * little-endian bytes. Equal digests mean equal weights, to the bit.
 */
export function policyDigest(tensors: FloatTensors): string {
  const byName = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256(...byName.flatMap(([name, { shape, data }]) => [`${canonicalJson([name, shape])}\n`, ...chunks(data)]));
}

function chunks({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array[] {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return Array.from({ length: Math.ceil(byteLength / CHUNK_BYTES) }, (_, i) =>
    bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES),
  );
}
