import { seededRandom } from '@alphapo/base';
import { ServiceProcess } from '../test/integration/processes.ts';
import { quantile } from './load.ts';
import { Scorer } from './serving-scorers.ts';
import type { SizedModel } from './sizing-models.ts';

/** How long a scorer takes from its start as a process. */
export interface StartTimes {
  readonly parameters: number;
  readonly modelBytes: number;
  /** Until it says that it serves. */
  readonly readySeconds: number;
  /** Until a first score, for which it builds a program. */
  readonly scoredSeconds: number;
}

/** Medians of some starts, with the model's files in the page cache. */
export async function measureStart(model: SizedModel, rounds: number, threads: number): Promise<StartTimes> {
  const times: { ready: number; scored: number }[] = [];
  for (let round = 0; round < rounds; round++) times.push(await startOnce(model.folder, threads));
  const median = (of: (time: (typeof times)[number]) => number) => quantile(times.map(of), 0.5);
  return {
    ...{ parameters: model.parameters, modelBytes: model.bytes },
    ...{ readySeconds: median(({ ready }) => ready), scoredSeconds: median(({ scored }) => scored) },
  };
}

async function startOnce(folder: string, threads: number): Promise<{ ready: number; scored: number }> {
  const started = performance.now();
  const passed = () => (performance.now() - started) / 1000;
  await using service = new ServiceProcess([
    ...['serve', 'scorer', '--model', folder, '--address', '127.0.0.1:0', '--threads', `${threads}`],
  ]);
  using scorer = new Scorer(await service.address(), service.pid, undefined);
  const ready = passed();
  const random = seededRandom(1);
  const ids = (length: number) => Array.from({ length }, () => 3 + random.below(256));
  await scorer.score([{ prompt: ids(150), chosen: ids(120), rejected: ids(120) }]);
  return { ready, scored: passed() };
}
