import { webcrypto } from 'node:crypto';
import { canonicalJson, type FloatTensors, sha256 } from '@alphapo/base';

/** Bytes of a piece: part of the digest's definition, so never to be changed. */
const PIECE_BYTES = 2 ** 22;
/** Pieces digested side by side; more than the threads that Node.js has for it would only wait. */
const CONCURRENCY = 4;

/**
 * "sha256:…" over the tensors by name, whatever the order of the map: for each the line `[name,shape,pieces]` as JSON
 * without white space, where `pieces` are the SHA-256 in hexadecimal of every 4 MiB of the tensor's little-endian bytes,
 * the last one of what is left. Equal digests mean equal weights, to the bit. Pieces let all cores share the work, which
 * goes on beside the calling thread: the tensors must not change meanwhile. Those in shared memory need a `digestPieces` that
 * takes it.
 */
export async function policyDigest(
  tensors: FloatTensors,
  digestPieces: (pieces: readonly Uint8Array[]) => Promise<readonly string[]> = besideThisThread,
): Promise<string> {
  const byName = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  const pieces = byName.map(([, { data }]) => piecesOf(data));
  const digests = (await digestPieces(pieces.flat())).values();
  const lines = byName.map(([name, { shape }], i) => {
    const own = digests.take(pieces[i]?.length ?? 0).toArray();
    return `${canonicalJson([name, shape, own])}\n`;
  });
  return sha256(...lines);
}

function piecesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array[] {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return Array.from({ length: Math.ceil(byteLength / PIECE_BYTES) }, (_, i) =>
    bytes.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES),
  );
}

/** By the threads that Node.js has for it. Web Crypto refuses shared memory. */
async function besideThisThread(pieces: readonly Uint8Array[]): Promise<string[]> {
  const digests: string[] = [];
  let next = 0;
  const digestPieces = async () => {
    while (next < pieces.length) {
      const index = next++;
      const digest = await webcrypto.subtle.digest('SHA-256', pieces[index] as Uint8Array<ArrayBuffer>);
      digests[index] = Buffer.from(digest).toString('hex');
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, digestPieces));
  return digests;
}
