import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Engine } from '@alphapo/engine';
import type { EngineAnswer, EngineCall } from './engine-process-child.ts';

type Methods = 'loadPolicy' | 'score' | 'scorePairs' | 'gradient';
type Pending = PromiseWithResolvers<unknown>;

/**
 * An engine in a process of its own: where native code crashes it ends that process, and the call fails with the signal.
 * Calls cannot be aborted.
 */
export async function openEngineProcess(
  folder: string,
  options: object,
  environment: NodeJS.ProcessEnv,
): Promise<Pick<Engine, Methods> & AsyncDisposable> {
  const child = fork(join(import.meta.dirname, 'engine-process-child.ts'), [folder, JSON.stringify(options)], {
    env: environment,
    execArgv: [],
    serialization: 'advanced',
  });
  const pending = new Map<number, Pending>();
  let calls = 0;
  child.on('message', (answer: EngineAnswer) => {
    const call = pending.get(answer.id);
    pending.delete(answer.id);
    if ('problem' in answer) call?.reject(new Error(answer.problem));
    else call?.resolve(answer.result);
  });
  child.on('exit', (code, signal) => {
    for (const call of pending.values()) call.reject(new Error(`the engine's process ended with ${signal ?? code}`));
    pending.clear();
  });
  const call = (method: EngineCall['method'], given: readonly unknown[]): Promise<unknown> => {
    const made = Promise.withResolvers<unknown>();
    pending.set(++calls, made);
    child.send({ id: calls, method, given } satisfies EngineCall);
    return made.promise;
  };
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.disconnect();
    await ended;
  };
  try {
    await call('open', []);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    loadPolicy: (...given) => call('loadPolicy', given) as ReturnType<Engine['loadPolicy']>,
    score: (...given) => call('score', given) as ReturnType<Engine['score']>,
    scorePairs: (...given) => call('scorePairs', given) as ReturnType<Engine['scorePairs']>,
    gradient: (...given) => call('gradient', given) as ReturnType<Engine['gradient']>,
    [Symbol.asyncDispose]: close,
  };
}
