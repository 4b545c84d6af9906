import { createHash } from 'node:crypto';

/** SHA-256 in lower-case hexadecimal, prefixed with the algorithm as OCI and many others do. */
export function sha256(...chunks: readonly (string | Uint8Array)[]): string {
  return sha256OfAll(chunks);
}

/** The same over any number of chunks: a call takes some ten thousand arguments only. */
export function sha256OfAll(chunks: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}

/** JSON with sorted object keys and no white space: equal values give equal text, so it can be digested. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
