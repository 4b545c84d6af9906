import { totalmem } from 'node:os';

/** Bytes of memory of this machine, or of its container where that has a limit. */
export function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
