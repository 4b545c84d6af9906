import { seededRandom } from '@alphapo/base';
import { ServiceProcess } from '../../test/support/processes.ts';
import { quantile } from '../load.ts';
import { processorMsOfAll } from '../processor-time.ts';
import { Scorer } from '../serving/scorers.ts';
import type { SizedModel } from './models.ts';

/** Seconds since a process was started, by the clock, and of the processor: what hardly depends on who else uses the machine. */
interface Passed {
  readonly seconds: number;
  readonly processorSeconds: number;
}

/** How long a scorer takes from its start as a process. */
export interface StartTimes {
  readonly parameters: number;
  readonly modelBytes: number;
  /** Until it says that it serves. */
  readonly ready: Passed;
  /** Until a first score, for which it builds a program. */
  readonly scored: Passed;
}

/** Medians of some starts, with the model's files in the page cache. */
export async function measureStart(model: SizedModel, rounds: number, threads: number): Promise<StartTimes> {
  const starts: Awaited<ReturnType<typeof startOnce>>[] = [];
  for (let round = 0; round < rounds; round++) starts.push(await startOnce(model.folder, threads));
  const median = (of: (start: (typeof starts)[number]) => number) => quantile(starts.map(of), 0.5);
  const medianOf = (when: 'ready' | 'scored'): Passed => ({
    seconds: median((start) => start[when].seconds),
    processorSeconds: median((start) => start[when].processorSeconds),
  });
  return {
    parameters: model.parameters,
    modelBytes: model.bytes,
    ready: medianOf('ready'),
    scored: medianOf('scored'),
  };
}

async function startOnce(folder: string, threads: number): Promise<Record<'ready' | 'scored', Passed>> {
  const started = performance.now();
  await using service = new ServiceProcess([
    ...['serve', 'scorer', '--model', folder, '--address', '127.0.0.1:0', '--threads', `${threads}`],
  ]);
  using scorer = new Scorer(await service.address(), service.pid, undefined);
  const passed = (): Passed => ({
    seconds: (performance.now() - started) / 1000,
    processorSeconds: processorMsOfAll(service.pid as number) / 1000,
  });
  const ready = passed();
  const random = seededRandom(1);
  const ids = (length: number) => Array.from({ length }, () => 3 + random.below(256));
  await scorer.score([{ prompt: ids(150), chosen: ids(120), rejected: ids(120) }]);
  return { ready, scored: passed() };
}
