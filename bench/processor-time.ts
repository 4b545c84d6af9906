import { readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second, whatever the machine. */
const TICK_MS = 10;

/** Processor time that a process has used, without its children's; NaN where there is no /proc. */
export function processorMsOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    // utime and stime: the 14th and 15th of all fields, two of which stand before the name's end.
    return TICK_MS * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return Number.NaN;
  }
}

/** Processor time of a process and of the children that it has now. */
export function processorMsOfAll(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  const ofChildren = children.split(' ').map((child) => (child === '' ? 0 : processorMsOfAll(Number(child))));
  return ofChildren.reduce((sum, ms) => sum + ms, processorMsOf(pid));
}
