import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { AlphapoError } from '@alphapo/base';
import { Computer } from './compute.ts';
import type { ShardGradient } from './engine.ts';
import {
  type CallName,
  type Calls,
  type FromWorker,
  type ToWorker,
  toWireError,
  type WorkerData,
} from './worker-protocol.ts';

/** A thread that computes. Calls are taken one after the other; between two packs it looks whether one was cancelled. */

const port = parentPort;
if (port === null) throw new Error('worker.ts runs as a worker thread only');

const { folder, referenceModel, options } = workerData as WorkerData;
const opening = Computer.open(folder, options, referenceModel);
// The first call reports it.
opening.catch(() => {});
const cancelled = new Set<number>();
let last: Promise<void> = Promise.resolve();

port.on('message', (message: ToWorker) => {
  if ('cancel' in message) {
    cancelled.add(message.cancel);
    return;
  }
  const { id, name } = message;
  last = last.then(async () => {
    try {
      const result = await perform(id, name, message.arguments);
      const transfer = name === 'gradient' ? buffersOf(result as ShardGradient) : [];
      port.postMessage({ id, result } satisfies FromWorker, transfer);
    } catch (error) {
      port.postMessage({ id, error: toWireError(error) } satisfies FromWorker);
    }
    cancelled.delete(id);
    if (name === 'close') port.close();
  });
});

async function perform(id: number, name: CallName, given: readonly unknown[]): Promise<unknown> {
  const computer = await opening;
  const wanted = async () => {
    await nextTurn();
    if (cancelled.has(id)) throw new AlphapoError('cancelled', 'CANCELLED', 'the caller cancelled the computation');
  };
  switch (name) {
    case 'describe':
      return computer.description;
    case 'loadPolicy':
      return computer.loadPolicy(...(given as Calls['loadPolicy']['arguments']));
    case 'score':
      return computer.score(...(given as Calls['score']['arguments']), wanted);
    case 'scorePairs':
      return computer.scorePairs(...(given as Calls['scorePairs']['arguments']), wanted);
    case 'gradient':
      return computer.gradient(...(given as Calls['gradient']['arguments']), wanted);
    case 'close':
      return computer[Symbol.asyncDispose]();
  }
}

function buffersOf({ gradient }: ShardGradient): ArrayBuffer[] {
  return [...new Set([...gradient.values()].map(({ data }) => data.buffer as ArrayBuffer))];
}
