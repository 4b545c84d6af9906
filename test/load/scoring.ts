import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceProcess } from '../integration/processes.ts';
import { Child } from './child.ts';
import type { ClientsResult, ClientsTask } from './scoring-clients.ts';
import { type Watched, watched } from './watched.ts';

/** The first seconds make sessions and connections. */
const WARM_UP_MS = 10_000;

export interface ScoringTrial extends Watched<ClientsResult> {
  readonly clients: number;
  readonly seconds: number;
}

/** Many clients call a scorer of the model at the same time. */
export async function tryScoring(
  model: string,
  { clients, seconds }: { readonly clients: number; readonly seconds: number },
): Promise<ScoringTrial> {
  await using scorer = new ServiceProcess([
    ...['serve', 'scorer', '--model', model, '--address', '0.0.0.0:0', '--threads', '1'],
  ]);
  const port = Number((await scorer.address()).split(':').at(-1));
  await using callers = new Child<ClientsTask, ClientsResult>('scoring-clients.ts', { port, clients });
  await callers.begun();
  await sleep(WARM_UP_MS);
  const seen = await watched({ scorer }, () => sleep(seconds * 1_000));
  return { ...seen, result: await callers.stop(), clients, seconds: seconds + WARM_UP_MS / 1_000 };
}
