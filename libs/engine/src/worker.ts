import { parentPort, workerData } from 'node:worker_threads';
import { AlphapoError, toWireError } from '@alphapo/base';
import { Computer, type ScoreRows } from './compute.ts';
import type { ScoringStatistics, ShardGradient } from './engine.ts';
import { Generator } from './generation/generator.ts';
import { checkRequest } from './generation/request.ts';
import { Scheduler } from './scheduler.ts';
import type { Call, Calls, FromWorker, ToWorker, WorkerData } from './worker-protocol.ts';

/** A thread that computes. Scores and gradients take turns; all else is answered as it comes. */

const port = parentPort;
if (port === null) throw new Error('worker.ts runs as a worker thread only');
const post = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

const { folder, referenceModel, options, scoring, cacheBytes } = workerData as WorkerData;
const opening = Computer.open(folder, options, referenceModel).then((computer) => {
  const execute = computer.scorePack.bind(computer);
  const onStatistics = (statistics: ScoringStatistics) => post({ scoring: statistics });
  const scheduler = new Scheduler({ ...scoring, ...computer.packLimits, execute, onStatistics });
  const programs = computer.decodingPrograms.bind(computer);
  const generator = new Generator({ model: computer.definition, cacheBytes, programs });
  return { computer, scheduler, generator };
});
// The first call reports it.
opening.catch(() => {});

/** Calls that have not been answered, with what ends them. */
const calls = new Map<number, OpenCall>();

interface OpenCall {
  readonly abort: AbortController;
  readonly answered: Promise<void>;
  /** Continues a sequence of a call to generate no further. */
  finish?: (sequence: number) => void;
}

port.on('message', (message: ToWorker) => {
  if ('cancel' in message) {
    const reason = new AlphapoError('cancelled', 'CANCELLED', 'the caller canceled the computation');
    calls.get(message.cancel)?.abort.abort(reason);
    return;
  }
  if ('finish' in message) {
    calls.get(message.finish)?.finish?.(message.sequence);
    return;
  }
  const abort = new AbortController();
  calls.set(message.id, { abort, answered: answer(message, abort.signal) });
});

/** The generator's work is for many calls, and ends by itself when they have ended. */
const never = new AbortController().signal;

async function answer(call: Call, signal: AbortSignal): Promise<void> {
  const { id, name } = call;
  try {
    const result = await perform(call, signal);
    post({ id, result }, name === 'gradient' ? buffersOf(result as ShardGradient) : []);
  } catch (error) {
    post({ id, error: toWireError(error, 'ENGINE_FAILED') });
  }
  calls.delete(id);
  if (name === 'close') port?.close();
}

async function perform({ id, name, arguments: given }: Call, signal: AbortSignal): Promise<unknown> {
  const { computer, scheduler, generator } = await opening;
  const scoreRows: ScoreRows = (rows, choice) => scheduler.score(rows, choice, signal);
  switch (name) {
    case 'describe':
      return computer.description;
    case 'loadPolicy':
      return computer.policies.load(...(given as Calls['loadPolicy']['arguments']));
    case 'score': {
      const [sequences, choice] = given as Calls['score']['arguments'];
      using _held = computer.policies.hold(choice);
      return await computer.score(sequences, choice, scoreRows);
    }
    case 'scorePairs': {
      const [pairs, choice, objective] = given as Calls['scorePairs']['arguments'];
      using _held = computer.policies.hold(choice);
      return await computer.scorePairs(pairs, choice, objective, scoreRows);
    }
    case 'gradient': {
      const [request] = given as Calls['gradient']['arguments'];
      using _held = computer.policies.hold({ kind: 'policy', digest: request.policyDigest });
      return await scheduler.runInPieces((checkpoint) => computer.gradient(request, checkpoint), signal);
    }
    case 'tokenScores': {
      const [sequences, choice, top] = given as Calls['tokenScores']['arguments'];
      using _held = computer.policies.hold(choice);
      return await scheduler.runInPieces((pause) => computer.tokenScores(sequences, choice, top, pause), signal);
    }
    case 'generate': {
      const [request, choice] = given as Calls['generate']['arguments'];
      using _held = computer.policies.hold(choice);
      checkRequest(request, computer.definition);
      const wasIdle = generator.isIdle;
      const { done, stop } = generator.add(request, choice, { emit: (tokens) => post({ id, tokens }), signal });
      const open = calls.get(id);
      if (open !== undefined) open.finish = stop;
      if (wasIdle) void scheduler.runInPieces((checkpoint) => generator.steps(checkpoint), never);
      await done;
      return undefined;
    }
    case 'close':
      await Promise.all([...calls].map(([other, { answered }]) => other === id || answered));
      return computer[Symbol.asyncDispose]();
  }
}

function buffersOf({ gradient }: ShardGradient): ArrayBuffer[] {
  return [...new Set([...gradient.values()].map(({ data }) => data.buffer as ArrayBuffer))];
}
