import type { TrainingStep } from '@alphapo/contracts';
import { Presets, SingleBar } from 'cli-progress';
import type { Evaluation } from './training/evaluation.ts';

/** What people see of a long run: on a terminal a bar, elsewhere a line now and then. */
export interface Progress {
  step(step: TrainingStep): void;
  /** A line that stays, beside the bar. */
  note(line: string): void;
  stop(): void;
}

/** Lines are at least this far apart where there is no terminal. */
const LINE_INTERVAL_MS = 10_000;

export function trainingProgress(totalSteps: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  const started = performance.now();
  let pairs = 0;
  const numbers = (step: TrainingStep) => {
    pairs += step.pairIds.length;
    return {
      loss: step.loss.toFixed(4),
      accuracy: step.accuracy.toFixed(2),
      margin: step.margin.toFixed(3),
      rate: ((1000 * pairs) / (performance.now() - started)).toFixed(1),
    };
  };
  if (!stream.isTTY) return lineProgress(totalSteps, numbers, stream);
  const bar = new SingleBar(
    {
      stream,
      format:
        '{bar} {value}/{total} steps · loss {loss} · accuracy {accuracy} · margin {margin} · {rate} pairs/s · {eta_formatted} left',
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  return {
    step(step) {
      if (bar.isActive) bar.update(step.step, numbers(step));
      else bar.start(totalSteps, step.step, numbers(step));
    },
    note: (line) => stream.write(bar.isActive ? `\n${line}\n` : `${line}\n`),
    stop: () => bar.stop(),
  };
}

function lineProgress(
  totalSteps: number,
  numbers: (step: TrainingStep) => Record<'loss' | 'accuracy' | 'margin' | 'rate', string>,
  stream: NodeJS.WriteStream,
): Progress {
  let last = Number.NEGATIVE_INFINITY;
  return {
    step(step) {
      const { loss, accuracy, margin, rate } = numbers(step);
      if (performance.now() - last < LINE_INTERVAL_MS && step.step < totalSteps) return;
      last = performance.now();
      stream.write(
        `step ${step.step}/${totalSteps}: loss ${loss}, accuracy ${accuracy}, margin ${margin}, ${rate} pairs/s\n`,
      );
    },
    note: (line) => stream.write(`${line}\n`),
    stop: () => {},
  };
}

/** How far long work has come that is counted: a bar on a terminal, elsewhere a line now and then. */
export interface CountProgress {
  /** `what`: the part of the work that is under way. */
  update(done: number, total: number, what: string): void;
  stop(): void;
}

/** Counts are shown in a unit of so many: 1e6 shows bytes in MB. */
export function countProgress(unit: string, unitSize = 1, stream: NodeJS.WriteStream = process.stderr): CountProgress {
  const shown = (count: number) => Math.round(count / unitSize);
  if (!stream.isTTY) {
    let last = performance.now();
    return {
      update(done, total, what) {
        if (performance.now() - last < LINE_INTERVAL_MS) return;
        last = performance.now();
        stream.write(`${what}: ${shown(done)} of ${shown(total)} ${unit}\n`);
      },
      stop: () => {},
    };
  }
  const format = `{bar} {value}/{total} ${unit} · {what} · {eta_formatted} left`;
  const bar = new SingleBar({ stream, format, hideCursor: true }, Presets.shades_classic);
  return {
    update(done, total, what) {
      if (bar.isActive) bar.update(shown(done), { what });
      else bar.start(shown(total), shown(done), { what });
    },
    stop: () => bar.stop(),
  };
}

/** A line about held-out pairs. */
export function describeEvaluation(step: number, evaluation: Evaluation): string {
  const { pairs, accuracy, margin, loss, logProbChosen, logProbRejected } = evaluation;
  return (
    `held out after ${step} steps (${pairs} pairs): accuracy ${(100 * accuracy).toFixed(1)} %, margin ${margin.toFixed(4)}, ` +
    `loss ${loss.toFixed(4)}, log-probability per token chosen ${logProbChosen.toFixed(4)}, rejected ${logProbRejected.toFixed(4)}`
  );
}

/** An abort signal for Ctrl-C: the first one stops in good order, the second at once. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stop.signal;
}
