import { type FloatTensors, floatTensor } from '@alphapo/base';
import { ThreadPool } from '@alphapo/optim';
import { GradientMemory, GradientSum } from './gradient-sum.ts';

/** Values whose float32 sum depends on the order. */
const VALUES = [1, 2 ** 24, -(2 ** 24), 0.25];

const filled = (memory: GradientMemory, value: number): FloatTensors => {
  const tensors = memory.take();
  for (const { data } of tensors.values()) data.fill(value);
  return tensors;
};

test.each([[[0, 1, 2, 3]], [[3, 2, 1, 0]], [[2, 0, 3, 1]]])(
  'shards that come as %j are added in their order',
  async (order) => {
    await using runner = new ThreadPool(2);
    const memory = new GradientMemory(new Map([['w', floatTensor([5])]]));
    const sum = new GradientSum(memory, runner);
    for (const shard of order) {
      sum.add(shard, filled(memory, VALUES[shard] as number));
      await new Promise(setImmediate);
    }
    const expected = VALUES.reduce((total, value) => Math.fround(total + value));
    expect((await sum.total()).get('w')?.data).toEqual(new Float32Array(5).fill(expected));
  },
);

test('memory is used again', async () => {
  const memory = new GradientMemory(new Map([['w', floatTensor([1])]]));
  const [first, second] = [memory.take(), memory.take()];
  expect(first).not.toBe(second);
  memory.giveBack(first);
  expect(memory.take()).toBe(first);
});
