import { AlphapoError, type FloatTensors } from '@alphapo/base';
import { sharedTensors, type TensorShapes } from '@alphapo/optim';

/** Weights that someone reads over some time. They stay as they are until this is disposed of. */
export interface PolicyReading extends Disposable {
  readonly step: number;
  readonly digest: string;
  readonly tensors: FloatTensors;
}

/**
 * The weights after a number of steps. The next step overwrites them unless they are being read, because a second set of all
 * weights takes much memory.
 */
export class Policy {
  readonly step: number;
  readonly digest: string;
  readonly #tensors: FloatTensors;
  #readers = 0;
  #released = false;

  /** Tensors in shared memory; only this policy may change them. */
  constructor({ step, digest, tensors }: { step: number; digest: string; tensors: FloatTensors }) {
    this.step = step;
    this.digest = digest;
    this.#tensors = tensors;
  }

  /** Names and shapes are those of all policies of a run. */
  get shapes(): TensorShapes {
    return this.#tensors;
  }

  read(): PolicyReading {
    if (this.#released) throw new AlphapoError('internal', 'POLICY_RELEASED', `step ${this.step} was written over`);
    const { step, digest } = this;
    this.#readers++;
    let reading = true;
    const end = () => {
      if (reading) this.#readers--;
      reading = false;
    };
    return { step, digest, tensors: this.#tensors, [Symbol.dispose]: end };
  }

  /** Memory with these weights for the next step to change: their own, or a copy while they are read. Ends reading. */
  release(): FloatTensors {
    this.#released = true;
    return this.#readers === 0 ? this.#tensors : sharedTensors(this.#tensors);
  }
}
