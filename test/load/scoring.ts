import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.ts';
import type { ClientsResult, ClientsTask } from './scoring-clients.ts';
import { startService, type Watched, watched } from './watched.ts';

export interface ScoringTrial extends Watched<ClientsResult> {
  readonly clients: number;
  readonly seconds: number;
}

/**
 * Many clients call a scorer of the model at the same time, for so many seconds after those of the warm-up, which make sessions and
 * connections, and fill the heap for the first time.
 */
export async function tryScoring(
  model: string,
  { clients, warmUp, seconds }: { readonly clients: number; readonly warmUp: number; readonly seconds: number },
): Promise<ScoringTrial> {
  await using scorer = await startService([
    ...['serve', 'scorer', '--model', model, '--address', '0.0.0.0:0', '--threads', '1'],
  ]);
  const port = Number((await scorer.process.address()).split(':').at(-1));
  await using callers = new Child<ClientsTask, ClientsResult>('scoring-clients.ts', { port, clients });
  await callers.begun();
  await sleep(1_000 * warmUp);
  const seen = await watched({ scorer }, () => sleep(seconds * 1_000));
  return { ...seen, result: await callers.stop(), clients, seconds: seconds + warmUp };
}
