/**
 * The partition of a key as Kafka's Java client chooses it (murmur2 of the UTF-8 bytes, made positive), so that
 * producers in any language and both implementations of the log agree.
 */
export function partitionOfKey(key: string, partitions: number): number {
  return (murmur2(new TextEncoder().encode(key)) & 0x7fffffff) % partitions;
}

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const SHIFT = 24;

/** Austin Appleby's MurmurHash2, 32 bits, little endian, with the seed of Kafka's `Utils.murmur2`. */
export function murmur2(data: Uint8Array): number {
  let hash = SEED ^ data.length;
  const words = data.length >>> 2;
  for (let word = 0; word < words; word++) {
    let k = littleEndian(data, word * 4, 4);
    k = Math.imul(k, MULTIPLIER);
    k ^= k >>> SHIFT;
    k = Math.imul(k, MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ k;
  }
  const rest = data.length & 3;
  if (rest > 0) hash = Math.imul(hash ^ littleEndian(data, words * 4, rest), MULTIPLIER);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}

function littleEndian(data: Uint8Array, start: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = (value << 8) | (data[start + i] as number);
  return value;
}
