import { readFileSync } from 'node:fs';

/** Linux reports CPU time in these units on every machine. */
const TICKS_PER_SECOND = 100;
/** In /proc/PID/stat after the name in parentheses: user and system time. */
const USER = 11;
const SYSTEM = 12;

/** Seconds of CPU time of all threads of a process; without /proc, seconds of wall time. */
export function processorSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[USER]) + Number(fields[SYSTEM])) / TICKS_PER_SECOND;
  } catch {
    return performance.now() / 1000;
  }
}
