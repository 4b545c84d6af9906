import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, Backoff, messageOf } from '@alphapo/base';
import type { TransformOptions } from '../event-log.ts';
import type { EventLogger } from '../logger.ts';
import type { MembershipListener, TransformBackend } from './backend.ts';
import { SessionTask } from './task.ts';

/** Pause before a partition that failed is taken up again: long enough for a rebalance to be heard of. */
const RESTART_DELAY_MS = 250;
const MAX_RESTART_DELAY_MS = 5_000;

/**
 * Runs one task per assigned partition until the options' signal aborts or a handler fails. A partition that stays
 * with this member over a rebalance keeps its task: should another member have had it meanwhile, that member has
 * fenced the task, and its next commit fails and starts it again.
 */
export async function runTransform(
  backend: TransformBackend,
  options: TransformOptions,
  logger: EventLogger,
): Promise<void> {
  if (options.signal.aborted) return;
  const stop = new AbortController();
  const { promise: stopped, resolve: onStopped } = Promise.withResolvers<void>();
  stop.signal.addEventListener('abort', () => onStopped(), { once: true });
  const abort = () => stop.abort();
  options.signal.addEventListener('abort', abort, { once: true });

  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown) => {
    failure ??= { error };
    stop.abort();
  };
  const tasks = new Map<number, { readonly controller: AbortController; readonly ended: Promise<void> }>();
  const ending = new Set<Promise<void>>();

  const assigned = (partitions: readonly number[]) => {
    if (stop.signal.aborted) return;
    logger('info', 'transform.assigned', { group: options.group, topic: options.topic, partitions });
    for (const [partition, task] of tasks) {
      if (partitions.includes(partition)) continue;
      tasks.delete(partition);
      task.controller.abort();
    }
    for (const partition of partitions) {
      if (tasks.has(partition)) continue;
      const controller = new AbortController();
      const signal = AbortSignal.any([controller.signal, stop.signal]);
      const ended = runPartition(backend, options, partition, signal, logger).catch(fail);
      ending.add(ended);
      void ended.finally(() => ending.delete(ended));
      tasks.set(partition, { controller, ended });
    }
  };

  try {
    await keepMembership(backend, assigned, options, { signal: stop.signal, stopped }, logger).catch(fail);
    await Promise.all(ending);
  } finally {
    options.signal.removeEventListener('abort', abort);
    stop.abort();
  }
  if (failure !== undefined) throw failure.error;
}

/**
 * Is a member of the group until the end. A membership that the log's troubles have ended, or have not let begin, is taken
 * up again; tasks go on meanwhile, for a partition that is assigned elsewhere is fenced. Throws what no other one would cure.
 */
async function keepMembership(
  backend: TransformBackend,
  assigned: MembershipListener['assigned'],
  { group, topic }: TransformOptions,
  { signal, stopped }: { readonly signal: AbortSignal; readonly stopped: Promise<void> },
  logger: EventLogger,
): Promise<void> {
  const backoff = new Backoff(RESTART_DELAY_MS, MAX_RESTART_DELAY_MS);
  while (!signal.aborted) {
    try {
      const { promise: lost, reject } = Promise.withResolvers<never>();
      lost.catch(() => {});
      await using _membership = await backend.join({ assigned, lost: reject });
      backoff.succeeded();
      await Promise.race([lost, stopped]);
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      logger('warn', 'membership.interrupted', { group, topic, error: messageOf(error) });
      await sleep(backoff.failed(), undefined, { signal }).catch(() => {});
    }
  }
}

/** One partition for as long as it is assigned: open, handle, and again from the committed offset when interrupted. */
async function runPartition(
  backend: TransformBackend,
  { group, topic, handle }: TransformOptions,
  partition: number,
  signal: AbortSignal,
  logger: EventLogger,
): Promise<void> {
  const backoff = new Backoff(RESTART_DELAY_MS, MAX_RESTART_DELAY_MS);
  while (!signal.aborted) {
    let task: SessionTask | undefined;
    try {
      await using session = await backend.open(partition, signal);
      if (signal.aborted) return;
      task = new SessionTask(topic, partition, session, signal);
      logger('debug', 'partition-task.started', { group, topic, partition, offset: session.startOffset });
      await handle(task);
      backoff.succeeded();
    } catch (error) {
      if (signal.aborted) return;
      const cause = task === undefined ? error : task.interruption;
      if (cause === undefined || !isPassing(cause)) throw cause ?? error;
      logger('warn', 'partition-task.interrupted', { group, topic, partition, error: messageOf(cause) });
      if (task?.progressed) backoff.succeeded();
    }
    await sleep(backoff.failed(), undefined, { signal }).catch(() => {});
  }
}

/** Of the log's errors, those that a fresh start can cure: all but the ones that name a wrong argument or a loss. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof AlphapoError)) return false;
  return error.code === 'aborted' || error.code === 'unavailable' || error.reason === 'FENCED';
}
