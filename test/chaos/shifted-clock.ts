/**
 * Loaded before a program, it moves the program's wall clock: `Date` of the main thread, on which Kafka's and gRPC's
 * clients and our own code tell the time of day. Whenever the signal comes, the shift is read anew from the file that
 * ALPHAPO_CHAOS_CLOCK names, in milliseconds. As with a real step of the system's clock, timers and `performance.now()`
 * go on unmoved. Not moved, other than with a real step: times of files, and the clock of worker threads.
 */
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.ALPHAPO_CHAOS_CLOCK;
if (isMainThread && file !== undefined) {
  let shiftMs = 0;
  const read = () => {
    shiftMs = Number(readFileSync(file, 'utf8'));
  };
  read();
  process.on('SIGUSR2', read);
  const RealDate = Date;
  const now = () => RealDate.now() + shiftMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, property) => (property === 'now' ? now : Reflect.get(target, property)),
  });
}
