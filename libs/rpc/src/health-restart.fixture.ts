import type { Worker } from 'node:worker_threads';
import { HealthClient } from './health-client.ts';
import { HealthThread } from './health-thread.ts';
import { DEFAULT_LIMITS } from './limits.ts';

/** A process whose thread for health ends by itself, and another one takes its place: prints what health checks are answered then. */

const threads: Worker[] = [];
process.on('worker', (worker) => threads.push(worker));
using health = await HealthThread.open('127.0.0.1:0', [], DEFAULT_LIMITS);
using client = new HealthClient(health.address);
health.setServing(false);
while ((await client.check()) !== 'NOT_SERVING');
await threads[0]?.terminate();
while (threads.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
const answered = async (): Promise<string> => client.check().catch(answered);
console.log(await answered());
