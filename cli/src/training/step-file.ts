import { createWriteStream } from 'node:fs';
import type { TrainingStep } from '@alphapo/contracts';

/** steps.jsonl: a line per step, each once. */
export class StepFile {
  readonly #stream: ReturnType<typeof createWriteStream>;
  #first: TrainingStep | undefined;
  #last: TrainingStep | undefined;

  constructor(file: string) {
    this.#stream = createWriteStream(file);
  }

  add(step: TrainingStep): void {
    if (this.#last !== undefined && step.step <= this.#last.step) return;
    this.#first ??= step;
    this.#last = step;
    this.#stream.write(`${JSON.stringify(step)}\n`);
  }

  get first(): TrainingStep | undefined {
    return this.#first;
  }

  get last(): TrainingStep | undefined {
    return this.#last;
  }

  end(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.once('error', reject);
      this.#stream.end(resolve);
    });
  }
}
