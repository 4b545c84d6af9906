/** Prints each step of a run as it is taken, until the run ends. Exit code 1: the run failed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, type OptimizerClient, openOptimizer, RunState } from '@alphapo/client';
import { addresses, options } from './connections.ts';

const RETRY_MS = 1_000;

/** Returns the status at the end. Waits for an optimizer that is restarted: its run goes on. */
async function follow(optimizer: OptimizerClient) {
  for (let fromStep = 1n; ; await sleep(RETRY_MS)) {
    try {
      for await (const { step, loss, accuracy } of optimizer.watchSteps({ fromStep })) {
        console.log(`step ${step}: loss ${loss.toFixed(4)}, accuracy ${accuracy.toFixed(2)}`);
        fromStep = step + 1n;
      }
      const status = await optimizer.getStatus({});
      if (status.state === RunState.FINISHED || status.state === RunState.FAILED) return status;
    } catch (error) {
      if (!(error instanceof AlphapoError && error.code === 'unavailable')) throw error;
    }
  }
}

using optimizer = await openOptimizer(addresses.optimizer, options);
const { state, policy, totalSteps, message } = await follow(optimizer);
const end = state === RunState.FINISHED ? 'FINISHED' : 'FAILED';
console.log(`${end} after ${policy?.step} of ${totalSteps} steps ${message}`.trimEnd());
if (state === RunState.FAILED) process.exitCode = 1;
