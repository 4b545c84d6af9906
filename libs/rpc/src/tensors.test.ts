import { floatTensor } from '@alphapo/base';
import type { TensorChunk } from '@alphapo/contracts';
import { TensorAssembler } from './tensors.ts';

const chunk = (part: Partial<TensorChunk> = {}): TensorChunk => ({
  name: 'w',
  dataType: 1,
  shape: [4n],
  byteOffset: 0n,
  data: Buffer.alloc(8),
  ...part,
});
const assemble = (...chunks: TensorChunk[]) => {
  const assembler = new TensorAssembler({ maxBytes: 1024 });
  for (const one of chunks) assembler.push(one);
  return assembler.finish(1);
};

test('chunks that do not make whole tensors are refused by the name of the tensor', () => {
  const cases: [TensorChunk[], RegExp][] = [
    [[chunk()], /w: the stream ends within it/],
    [[chunk(), chunk()], /w: a chunk starts at byte 0 instead of 8/],
    [[chunk(), chunk({ byteOffset: 8n, data: Buffer.alloc(9) })], /w: a chunk runs beyond its end/],
    [[chunk(), chunk({ byteOffset: 8n, shape: [2n, 2n] })], /w: its shape changes/],
    [[chunk({ dataType: 2 })], /w: its type is not float32/],
    [[chunk({ shape: [2n ** 40n] })], /w: its .* bytes exceed the limit/],
    [[chunk(), chunk({ name: 'v' })], /w: v begins before it is complete/],
    [[], /received 0 tensors, but 1 were announced/],
  ];
  for (const [chunks, message] of cases) expect(() => assemble(...chunks)).toThrow(message);
});

test('chunks in order make a tensor', () => {
  const data = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
  const tensors = assemble(chunk({ data: data.subarray(0, 5) }), chunk({ data: data.subarray(5), byteOffset: 5n }));
  expect(tensors.get('w')).toEqual({ shape: [4], data: Float32Array.of(1, 2, 3, 4) });
});

test('tensors of the same name and shape are filled again', () => {
  const into = new Map([
    ['v', floatTensor([1])],
    ['w', floatTensor([2], Float32Array.of(9, 9))],
  ]);
  const assembler = new TensorAssembler({ maxBytes: 1024, into });
  const data = Buffer.from(Float32Array.of(1, 2).buffer);
  assembler.push(chunk({ name: 'w', shape: [2n], data }));
  assembler.push(chunk({ name: 'v', shape: [2n], data }));
  const tensors = assembler.finish(2);
  expect(tensors.get('w')).toBe(into.get('w'));
  expect(tensors.get('v')).not.toBe(into.get('v'));
  expect([...tensors.values()].map(({ data: [first, second] }) => [first, second])).toEqual([
    [1, 2],
    [1, 2],
  ]);
});
