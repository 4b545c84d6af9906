import { seededRandom } from '@alphapo/base';
import { differentiate, Graph, mul, reduceSum, reshape } from '@alphapo/graph';
import { outputGradient, readGradient } from '../../graph/src/gradient.fixture.ts';
import { type HeadTraining, type LogitLayout, targetLogProbs } from './head.ts';
import { Session } from './session.ts';

const [K, C, D, V] = [2, 3, 4, 7];
const TARGETS = [0, 6, 2, 2, 5, 1];
const STEP = 1e-6;

/** The log-probabilities of random rows, unevenly weighted and summed: what to differentiate. */
async function openHead(softCap: number | undefined, training: HeadTraining, logits: LogitLayout) {
  const random = seededRandom(3);
  const graph = new Graph();
  const hidden = graph.input('hidden', 'f64', [K, C, D]);
  const weight = graph.input('weight', 'f64', [V, D]);
  const targets = graph.constant('i64', [K, C], TARGETS);
  const logProbs = targetLogProbs(hidden, { weight, trained: weight, softCap }, targets, { training, logits });
  const uneven = graph.constant(
    'f64',
    [K, C],
    TARGETS.map((_, i) => Math.sin(1 + i)),
  );
  const loss = reshape(reduceSum(mul(logProbs, uneven), [0, 1]), []);
  graph.output('loss', loss);
  const wanted = training === 'frozen-weight' ? [hidden] : [hidden, weight];
  differentiate(graph, [{ output: loss, gradient: graph.scalar('f64', 1) }], wanted).forEach((gradient, i) => {
    outputGradient(graph, wanted[i]?.name ?? '', gradient);
  });
  const draw = (count: number) => Float64Array.from({ length: count }, () => 1.5 * random.normal());
  const feeds = {
    hidden: { type: 'f64', shape: [K, C, D], data: draw(K * C * D) },
    weight: { type: 'f64', shape: [V, D], data: draw(V * D) },
  } as const;
  return { session: await Session.create(graph, { executionProvider: 'cpu', threads: 1 }), feeds };
}

/** log p(target) of one row, by the definition. */
function logProb(h: Float64Array, weight: Float64Array, target: number, softCap: number | undefined): number {
  const logits = Array.from({ length: V }, (_, v) => {
    const product = h.reduce((sum, x, d) => sum + x * (weight[v * D + d] as number), 0);
    return softCap === undefined ? product : softCap * Math.tanh(product / softCap);
  });
  return (logits[target] as number) - Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0));
}

const cases = [undefined, 1.7].flatMap((cap) =>
  (['frozen-weight', 'trained-weight'] as const).flatMap((training) =>
    (['whole', 'chunks'] as const).map((logits) => [cap, training, logits] as const),
  ),
);

test.each(cases)(
  'with soft cap %s, %s and logits in %s the head has the value and the gradients of its definition',
  async (cap, training, logits) => {
    const { session, feeds } = await openHead(cap, training, logits);
    await using _ = session;
    const outputs = await session.run(feeds);
    const total = () =>
      TARGETS.reduce((sum, target, row) => {
        const h = feeds.hidden.data.subarray(row * D, (row + 1) * D);
        return sum + Math.sin(1 + row) * logProb(h, feeds.weight.data, target, cap);
      }, 0);
    expect(outputs.loss?.data[0]).toBeCloseTo(total(), 12);
    for (const name of training === 'frozen-weight' ? (['hidden'] as const) : (['hidden', 'weight'] as const)) {
      const { data, shape } = feeds[name];
      const gradient = readGradient(outputs, name, shape);
      for (const [i, x] of data.entries()) {
        data[i] = x + STEP;
        const above = total();
        data[i] = x - STEP;
        const below = total();
        data[i] = x;
        expect(gradient[i]).toBeCloseTo((above - below) / (2 * STEP), 7);
      }
    }
  },
);
