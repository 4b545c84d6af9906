import { join } from 'node:path';
import { type FloatTensor, type FloatTensors, floatTensor } from '@alphapo/base';
import { readAdapter } from '@alphapo/checkpoints';
import type { TrainingMethod } from '@alphapo/contracts';
import { type Engine, ModelFolder, type PolicyChoice } from '@alphapo/engine';
import type { Trained } from './golden-files.ts';

/** Trainable tensors to start from, copied for each use: loading a policy moves its buffers. */

const copyOf = (tensors: FloatTensors): Map<string, FloatTensor> =>
  new Map([...tensors].map(([name, { shape, data }]) => [name, floatTensor(shape, data.slice())]));

export interface Start {
  readonly method: TrainingMethod;
  readonly tensors: FloatTensors;
}

export async function fullStart(model: string): Promise<Start> {
  const folder = await ModelFolder.open(model);
  const tensors = new Map<string, FloatTensor>();
  for (const { name, shape } of folder.definition.parameters) {
    tensors.set(name, floatTensor(shape, await folder.read(name)));
  }
  return { method: { kind: 'full' }, tensors };
}

export async function loraStart(adapter: string): Promise<Start> {
  const { rank, alpha, targets, tensors } = await readAdapter(adapter);
  return { method: { kind: 'lora', rank, alpha, targets: [...targets] }, tensors };
}

/** All weights of a model folder, or those of the adapter in it. */
export const startOf = (model: string, trained: Trained): Promise<Start> =>
  trained === 'full' ? fullStart(model) : loraStart(join(model, 'adapter'));

export const load = (engine: Pick<Engine, 'loadPolicy'>, digest: string, { method, tensors }: Start): Promise<void> =>
  engine.loadPolicy({ digest, method, tensors: copyOf(tensors) });

export const loadedAs = (digest: string): PolicyChoice => ({ kind: 'policy', digest });

/** One thread: the suite runs several files at a time. */
export const CPU = { executionProvider: 'cpu', threads: 1 } as const;
