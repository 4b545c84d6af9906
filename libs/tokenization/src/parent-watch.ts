import { workerData } from 'node:worker_threads';

/**
 * A thread that ends its process once the one that started it is gone. That one would stop it at a template that never ends,
 * and while the process is in such a template it does not hear that its channel was closed.
 */

const LOOK_MS = 1_000;

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, LOOK_MS);
