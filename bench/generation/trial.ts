import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contestant, Measured, Task } from './contestant.ts';

/** What a contestant measured, and the share of the CPUs' time that other processes took meanwhile. */
export interface Trial extends Measured {
  readonly otherWork: number;
}

/** A task without what depends on the contestant. */
export type Work = Omit<Task, 'model' | 'dtype'>;

/** A trial beside more work than this says little: llama.cpp's threads wait for each other at every operator. */
const MOST_OTHER_WORK = 0.05;
const MOST_TRIES = 3;
const LONGEST_WAIT_SECONDS = 300;

/** Runs a contestant while the machine has little other work: waits for that, repeats a disturbed trial, and returns the least disturbed. */
export async function quietTrial(contestant: Contestant, work: Work): Promise<Trial> {
  let best: Trial | undefined;
  for (let i = 0; i < MOST_TRIES; i++) {
    await quietMachine();
    const trial = runContestant(contestant, work);
    if (trial.otherWork < (best?.otherWork ?? Number.POSITIVE_INFINITY)) best = trial;
    if (trial.otherWork <= MOST_OTHER_WORK) break;
    console.error(`${contestant.name}: other work took ${(100 * trial.otherWork).toFixed(0)} % of the CPUs`);
  }
  return best as Trial;
}

/** Resolves when the machine has been idle for some seconds, or after the longest wait. */
async function quietMachine(): Promise<void> {
  const started = performance.now();
  for (let quietSeconds = 0; quietSeconds < 3; ) {
    const before = busySeconds();
    await sleep(1000);
    quietSeconds = (busySeconds() - before) / cpus().length <= MOST_OTHER_WORK ? quietSeconds + 1 : 0;
    if (performance.now() - started > 1000 * LONGEST_WAIT_SECONDS) return;
  }
}

/** Runs a contestant in a process of its own, so that its peak memory is its own. Throws with what it complains of. */
function runContestant({ command, model, dtype }: Contestant, work: Work): Trial {
  const folder = mkdtempSync(join(tmpdir(), 'alphapo-bench-'));
  try {
    const file = join(folder, 'task.json');
    writeFileSync(file, JSON.stringify({ ...work, model, dtype } satisfies Task));
    const [program = '', ...args] = command;
    const [started, busyBefore] = [performance.now(), busySeconds()];
    const result = spawnSync(program, [...args, file], { encoding: 'utf8', maxBuffer: 2 ** 26 });
    if (result.status !== 0) throw new Error(`${command.join(' ')} failed:\n${result.stderr.slice(-4000)}`);
    const measured: Measured = JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '');
    const available = (cpus().length * (performance.now() - started)) / 1000;
    const others = busySeconds() - busyBefore - measured.processorSeconds;
    return { ...measured, otherWork: Math.max(0, others / available) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Processor time that all processes have used since the machine started. */
function busySeconds(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0) / 1000;
}
