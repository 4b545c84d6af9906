import { type FloatTensor, type FloatTensors, floatTensor } from '@alphapo/base';
import type { GradientOutputs } from './program.ts';
import type { TensorData } from './session.ts';

/** Sums the gradients of packs in their order, in float32; rows of looked-up tables are added where they belong. */
export class PackGradients {
  readonly #total = new Map<string, FloatTensor>();

  /** The sum so far, in the order of the parameters. */
  get total(): FloatTensors {
    return this.#total;
  }

  /** Adds what a run of a gradient program gave. The outputs' buffers become the sum's own. */
  add(gradients: readonly GradientOutputs[], outputs: Readonly<Record<string, TensorData>>): void {
    for (const { name, shape, dense, rows } of gradients) {
      const part = dense === undefined ? undefined : (outputs[dense]?.data as Float32Array);
      const known = this.#total.get(name);
      const total = known ?? floatTensor(shape, part);
      if (known === undefined) this.#total.set(name, total);
      else if (part !== undefined) addElements(known.data, part);
      for (const { indices, rows: values } of rows) {
        addRows(total, outputs[indices]?.data as BigInt64Array, outputs[values]?.data as Float32Array);
      }
    }
  }
}

function addElements(total: Float32Array, part: Float32Array): void {
  for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (part[i] as number);
}

function addRows({ shape, data }: FloatTensor, indices: BigInt64Array, rows: Float32Array): void {
  const width = shape[1] as number;
  indices.forEach((index, n) => {
    const start = Number(index) * width;
    for (let i = 0; i < width; i++) data[start + i] = (data[start + i] as number) + (rows[n * width + i] as number);
  });
}
