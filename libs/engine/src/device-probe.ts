import { cast, Graph, gemm, reduceMax } from '@alphapo/graph';
import type { ProgramStyle } from './program-style.ts';
import { Session, type SessionOptions, type TensorData } from './session.ts';

const SQUARE: TensorData = { type: 'f32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };

/**
 * Multiplies and reduces small matrices on the device, so that a device or a library of it that is missing is found when
 * an engine is opened and not when work arrives. Errors: DEVICE_NOT_AVAILABLE.
 */
export async function probeDevice(
  options: SessionOptions,
  { precision }: Pick<ProgramStyle, 'precision'>,
): Promise<void> {
  if (options.executionProvider === 'cpu') return;
  const graph = new Graph();
  const matrix = (name: string) => cast(graph.input(name, 'f32', [2, 2]), precision);
  const product = gemm(matrix('a'), matrix('b'));
  graph.output('largest', reduceMax(cast(product, 'f32'), [1]));
  await using session = await Session.create(graph, options);
  await session.run({ a: SQUARE, b: SQUARE });
}
