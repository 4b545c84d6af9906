import { parentPort } from 'node:worker_threads';
import { messageOf } from '@alphapo/base';
import { KERNELS } from './kernels.ts';
import type { Answer, Task } from './threads.ts';

/** A thread of a `ThreadPool`. */

const port = parentPort;
if (port === null) throw new Error('worker.ts runs as a worker thread only');

port.on('message', ({ name, work, next }: Task) => {
  const kernel = KERNELS[name] as (work: unknown) => unknown;
  const results = new Map<number, unknown>();
  let answer: Answer = { results };
  try {
    for (let i = Atomics.add(next, 0, 1); i < work.length; i = Atomics.add(next, 0, 1)) results.set(i, kernel(work[i]));
  } catch (error) {
    answer = { error: messageOf(error) };
  }
  port.postMessage(answer);
});
