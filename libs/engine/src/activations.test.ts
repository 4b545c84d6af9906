import { cast, differentiate, Graph } from '@alphapo/graph';
import { outputGradient, readGradient } from '../../graph/src/gradient.fixture.ts';
import { silu } from '../../models/src/activations.ts';
import { Session } from './session.ts';

const INPUTS = Float32Array.of(-20, -3, -1, 0, 0.5, 2, 8, 100.5, 300, 1000);

test.each(['bf16', 'f16'] as const)('the derivative of silu is right for large inputs in %s', async (type) => {
  const graph = new Graph();
  const shape = [INPUTS.length];
  const x = graph.input('x', 'f32', shape);
  const y = cast(silu(cast(x, type)), 'f32');
  const ones = graph.constant('f32', shape, new Array(INPUTS.length).fill(1));
  const [gradient] = differentiate(graph, [{ output: y, gradient: ones }], [x]);
  outputGradient(graph, 'x', gradient as NonNullable<typeof gradient>);
  await using session = await Session.create(graph, { executionProvider: 'cpu', threads: 1 });
  const found = readGradient(await session.run({ x: { type: 'f32', shape, data: INPUTS } }), 'x', shape);
  INPUTS.forEach((input, i) => {
    const s = 1 / (1 + Math.exp(-input));
    expect(Math.abs((found[i] as number) - s * (1 + input * (1 - s)))).toBeLessThan(0.01);
  });
});
