import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';

/** Bytes of memory of this machine, or of its container where that has a limit. */
export function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * The most bytes of memory this process has held at once.
 *
 * Linux carries `ru_maxrss` over fork and exec: a small process started by a large one would report the large one's
 * memory. The peak in /proc belongs to the program alone.
 */
export function peakMemory(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kibibytes ?? process.resourceUsage().maxRSS) * 1024;
}
