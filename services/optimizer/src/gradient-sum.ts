import type { FloatTensors } from '@alphapo/base';
import { addInto, type Runner, sharedZeros, type TensorShapes } from '@alphapo/optim';

/** Memory for gradients, all of the same shapes, that is used again and again. */
export class GradientMemory {
  readonly #like: TensorShapes;
  readonly #spare: FloatTensors[] = [];

  constructor(like: TensorShapes) {
    this.#like = like;
  }

  /** Tensors to be filled; what is in them means nothing. */
  take(): FloatTensors {
    return this.#spare.pop() ?? sharedZeros(this.#like);
  }

  giveBack(tensors: FloatTensors): void {
    this.#spare.push(tensors);
  }
}

/** Adds the gradients of a batch's shards in shard order, regardless of arrival order. */
export class GradientSum {
  readonly #memory: GradientMemory;
  readonly #runner: Runner;
  /** Gradients whose turn has not come. */
  readonly #waiting = new Map<number, FloatTensors>();
  #added = 0;
  #total: FloatTensors | undefined;
  #adding: Promise<void> = Promise.resolve();

  constructor(memory: GradientMemory, runner: Runner) {
    this.#memory = memory;
    this.#runner = runner;
  }

  /** Takes ownership of a shard's gradient, in shared memory. It is added while the next shards are computed. */
  add(shard: number, gradient: FloatTensors): void {
    this.#waiting.set(shard, gradient);
    this.#adding = this.#adding.then(() => this.#addWaiting());
    // Reported by the call for the total.
    this.#adding.catch(() => {});
  }

  /** The sum of all shards, once the last was added. Give it back to the memory. */
  async total(): Promise<FloatTensors> {
    await this.#adding;
    return this.#total ?? new Map();
  }

  async #addWaiting(): Promise<void> {
    for (;;) {
      const next = this.#waiting.get(this.#added);
      if (next === undefined) return;
      this.#waiting.delete(this.#added++);
      if (this.#total === undefined) {
        this.#total = next;
      } else {
        await addInto(this.#total, next, this.#runner);
        this.#memory.giveBack(next);
      }
    }
  }
}
