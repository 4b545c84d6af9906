import type { TrainingStep } from '@alphapo/contracts';
import { describeDuration, describeRate, type ProgressPart, progressLine } from './progress-bar.ts';
import { type RenderLine, StatusLine } from './status-line.ts';

/** What people see of a long run: a bar on a terminal, otherwise a line now and then. */
export interface Progress {
  step(step: TrainingStep): void;
  /** What is done between two steps; undefined: steps go on. */
  doing(what: string | undefined): void;
  /** A line that stays, above the bar. */
  note(line: string): void;
  /** Leaves the last state on the screen. */
  stop(): void;
}

/** Lines are at least this far apart where there is no terminal. */
const LINE_INTERVAL_MS = 10_000;

export function trainingProgress(totalSteps: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  let started: number | undefined;
  let pairs = 0;
  let first: number | undefined;
  const numbers = (step: TrainingStep) => {
    // Evaluations before the first step say nothing about the speed of steps.
    started ??= performance.now() - step.durationMs;
    pairs += step.pairIds.length;
    first ??= step.step - 1;
    const seconds = (performance.now() - started) / 1000;
    return {
      loss: step.loss.toFixed(4),
      accuracy: step.accuracy.toFixed(2),
      margin: step.margin.toFixed(3),
      rate: describeRate(pairs / seconds),
      secondsLeft: (seconds / (step.step - first)) * (totalSteps - step.step),
    };
  };
  if (!movesCursor(stream)) return lineProgress(totalSteps, numbers, stream);
  const line = statusLine(stream);
  let bar: RenderLine | undefined;
  return {
    step(step) {
      const { loss, accuracy, margin, rate, secondsLeft } = numbers(step);
      bar = (columns) =>
        progressLine(
          step.step / totalSteps,
          [
            { text: `${step.step}/${totalSteps} steps`, rank: 0 },
            { text: `loss ${loss}`, rank: 2 },
            { text: `accuracy ${accuracy}`, rank: 4 },
            { text: `margin ${margin}`, rank: 5 },
            { text: rate, rank: 3 },
            { text: `${describeDuration(secondsLeft)} left`, rank: 1 },
          ],
          columns,
        );
      line.show(bar);
    },
    doing(what) {
      if (what !== undefined) line.show((columns) => what.slice(0, columns));
      else if (bar !== undefined) line.show(bar);
    },
    note: (text) => stream.write(`${text}\n`),
    stop: line.stop,
  };
}

function lineProgress(
  totalSteps: number,
  numbers: (step: TrainingStep) => Record<'loss' | 'accuracy' | 'margin' | 'rate', string>,
  stream: NodeJS.WriteStream,
): Progress {
  let last = Number.NEGATIVE_INFINITY;
  let busySince: number | undefined;
  return {
    step(step) {
      const { loss, accuracy, margin, rate } = numbers(step);
      if (performance.now() - last < LINE_INTERVAL_MS && step.step < totalSteps) return;
      last = performance.now();
      stream.write(`step ${step.step}/${totalSteps}: loss ${loss}, accuracy ${accuracy}, margin ${margin}, ${rate}\n`);
    },
    doing(what) {
      const now = performance.now();
      if (what === undefined) busySince = undefined;
      else busySince ??= now;
      if (busySince === undefined || now - Math.max(last, busySince) < LINE_INTERVAL_MS) return;
      last = now;
      stream.write(`${what}\n`);
    },
    note: (line) => stream.write(`${line}\n`),
    stop: () => {},
  };
}

/** Progress of work that is counted: a bar on a terminal, otherwise a line now and then. */
export interface CountProgress {
  /** `what`: the part of the work that is under way. */
  update(done: number, total: number, what: string): void;
  stop(): void;
}

/** Counts are shown in units of `unitSize`: 1e6 shows bytes in MB. */
export function countProgress(unit: string, unitSize = 1, stream: NodeJS.WriteStream = process.stderr): CountProgress {
  const shown = (count: number) => Math.round(count / unitSize);
  const started = performance.now();
  if (!movesCursor(stream)) {
    let last = started;
    return {
      update(done, total, what) {
        if (performance.now() - last < LINE_INTERVAL_MS) return;
        last = performance.now();
        stream.write(`${what}: ${shown(done)} of ${shown(total)} ${unit}\n`);
      },
      stop: () => {},
    };
  }
  const line = statusLine(stream);
  let first: number | undefined;
  return {
    update(done, total, what) {
      first ??= done;
      const perSecond = ((done - first) * 1000) / (performance.now() - started);
      const parts: ProgressPart[] = [
        { text: `${shown(done)}/${shown(total)} ${unit}`, rank: 0 },
        { text: what, rank: 2 },
      ];
      if (perSecond > 0) parts.push({ text: `${describeDuration((total - done) / perSecond)} left`, rank: 1 });
      line.show((columns) => progressLine(done / total, parts, columns));
    },
    stop: line.stop,
  };
}

const movesCursor = (stream: NodeJS.WriteStream) => stream.isTTY && process.env.TERM !== 'dumb';

/** A status line that begins with the first thing there is to show. */
function statusLine(stream: NodeJS.WriteStream): { show(render: RenderLine): void; stop(): void } {
  let line: StatusLine | undefined;
  let stopped = false;
  return {
    show(render) {
      if (stopped) return;
      if (line === undefined) line = new StatusLine(stream, render, [process.stdout, process.stderr]);
      else line.update(render);
    },
    stop() {
      stopped = true;
      line?.stop();
    },
  };
}

export { stopSignal } from './stop-signal.ts';
