import type { Worker } from 'node:worker_threads';

/** Loaded before `alphapo`: on SIGUSR2 the engine's thread dies, as it does where native code takes it down. */

const workers: Worker[] = [];
process.on('worker', (worker) => workers.push(worker));
process.on('SIGUSR2', () => {
  for (const worker of workers) worker.terminate();
});
