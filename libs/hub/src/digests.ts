import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { AlphapoError } from '@alphapo/base';

/** Of a file: SHA-256 of its bytes, or SHA-1 as git makes it of a blob. In hexadecimal. */
export interface Digest {
  readonly algorithm: 'sha256' | 'git-blob';
  readonly hex: string;
}

/** The error of a file that does not have all of these digests. */
export async function wrongDigest(path: string, digests: readonly Digest[]): Promise<AlphapoError | undefined> {
  for (const { algorithm, hex } of digests) {
    const found = await digestOf(path, algorithm);
    if (found === hex.toLowerCase()) continue;
    return new AlphapoError(
      'data-loss',
      'WRONG_DIGEST',
      `${path}: its ${algorithm} digest is ${found}, but should be ${hex}; fetch it again, or correct the given digest`,
    );
  }
  return undefined;
}

async function digestOf(path: string, algorithm: Digest['algorithm']): Promise<string> {
  const hash = createHash(algorithm === 'sha256' ? 'sha256' : 'sha1');
  if (algorithm === 'git-blob') hash.update(`blob ${(await stat(path)).size}\0`);
  for await (const bytes of createReadStream(path)) hash.update(bytes);
  return hash.digest('hex');
}
