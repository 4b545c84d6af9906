import { seededRandom } from '@alphapo/base';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { writeTinyModel } from './model.fixture.ts';
import { groupRows, packLimits } from './pack.ts';
import type { Row, RowChoice } from './row.ts';
import { type Merging, ScoreQueue, type Share } from './score-queue.ts';
import { ModelFolder } from './weights.ts';

interface NamedCall {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly choice: RowChoice;
}

const LIMITS = { pack: { tokens: 100, responseTokens: 30 }, merged: { tokens: 80, responseTokens: 20 } };

/** A row with one response token. */
const row = (tokens: number): Row => ({ prompt: Array(tokens - 1).fill(1), responses: [[2]] });

function call(name: string, sizes: readonly number[], digest?: string): NamedCall {
  const choice: RowChoice = digest === undefined ? { kind: 'base' } : { kind: 'policy', digest };
  return { name, rows: sizes.map(row), choice };
}

function queueOf(calls: readonly NamedCall[], merging: Merging = 'on'): ScoreQueue<NamedCall> {
  const queue = new ScoreQueue<NamedCall>({ ...LIMITS, merging });
  for (const each of calls) queue.add(each);
  return queue;
}

const described = (shares: readonly Share<NamedCall>[]) =>
  shares.map(({ call: { name }, rows }) => `${name}${rows.length}`).join(' ');

/** What each execution computes, until the queue is empty: for each call its name and the number of its rows. */
function executions(queue: ScoreQueue<NamedCall>): string[] {
  const all: string[] = [];
  while (queue.size > 0) all.push(described(queue.take()));
  return all;
}

test('small calls are computed together, in the order in which they came', () => {
  expect(executions(queueOf([call('a', [30]), call('b', [15, 15]), call('c', [20])]))).toEqual(['a1 b2 c1']);
});

test('no more calls are added than make an execution fast', () => {
  expect(executions(queueOf([call('a', [50]), call('b', [40]), call('c', [30])]))).toEqual(['a1 c1', 'b1']);
  expect(executions(queueOf([call('a', [45, 45]), call('b', [10])]))).toEqual(['a2', 'b1']);
});

test('a call by itself has a pack of tokens in an execution', () => {
  expect(executions(queueOf([call('a', [50, 50, 50])]))).toEqual(['a2', 'a1']);
});

test('a row that is larger than a pack is computed alone', () => {
  expect(executions(queueOf([call('a', [150]), call('b', [10])]))).toEqual(['a1', 'b1']);
  expect(executions(queueOf([call('a', [10]), call('b', [150])]))).toEqual(['a1', 'b1']);
});

test('response tokens that are computed together do not exceed the limit of whole logits', () => {
  const wide: Row = { prompt: [1], responses: [Array(15).fill(2)] };
  const wideCall = (name: string, rows: number): NamedCall => ({ ...call(name, []), rows: Array(rows).fill(wide) });
  expect(executions(queueOf([wideCall('a', 3)]))).toEqual(['a2', 'a1']);
  expect(executions(queueOf([wideCall('a', 1), wideCall('b', 1), call('c', [5])]))).toEqual(['a1 c1', 'b1']);
  expect(queueOf([wideCall('a', 1), wideCall('b', 1)]).isFull).toBe(true);
});

test('the reference is not computed with the model or a policy', () => {
  const reference = { ...call('r', [10]), choice: { kind: 'reference' } as const };
  expect(executions(queueOf([call('a', [10]), reference, call('b', [10], 'x'), reference]))).toEqual([
    'a1',
    'r1 r1',
    'b1',
  ]);
});

test('calls under different policies are not computed together', () => {
  const calls = [call('a', [10]), call('b', [10], 'x'), call('c', [10], 'y'), call('d', [10], 'x'), call('e', [10])];
  expect(executions(queueOf(calls))).toEqual(['a1 e1', 'b1 d1', 'c1']);
});

test('small calls wait for one pack of a large call, not for all of it', () => {
  const calls = [call('a', [80, 80, 80]), call('b', [80]), call('c', [80])];
  expect(executions(queueOf(calls))).toEqual(['a1', 'b1', 'c1', 'a1', 'a1']);
});

test('small calls do not starve a large one', () => {
  const queue = queueOf([call('a', [80, 80, 80])]);
  let executionsOfA = 0;
  for (let i = 0; i < 12; i++) {
    queue.add(call('b', [80]));
    if (described(queue.take()).startsWith('a')) executionsOfA++;
  }
  expect(executionsOfA).toBe(3);
});

test('a call that is removed is not computed', () => {
  const removed = call('b', [10]);
  const queue = queueOf([call('a', [10]), removed, call('c', [10])]);
  queue.remove(removed);
  expect(executions(queue)).toEqual(['a1 c1']);
});

test('an execution is full when its policy has as many tokens as are merged', () => {
  expect(queueOf([]).isFull).toBe(false);
  expect(queueOf([call('a', [40]), call('b', [30]), call('c', [40], 'x')]).isFull).toBe(false);
  expect(queueOf([call('a', [40]), call('b', [40])]).isFull).toBe(true);
});

test('without merging each call is computed by itself, and none waits for others', () => {
  const queue = queueOf([call('a', [60, 60]), call('b', [10]), call('c', [10])], 'off');
  expect(queue.isFull).toBe(true);
  expect(executions(queue)).toEqual(['a1', 'b1', 'c1', 'a1']);
});

test.each<Merging>(['on', 'off'])('a call alone is cut as gradients cut their rows (merging %s)', async (merging) => {
  const { definition: model } = await ModelFolder.open(await writeTinyModel(await temporaryFolder()));
  const random = seededRandom(4);
  const rows = Array.from({ length: 60 }, () => row(2 + random.below(300)));
  const queue = new ScoreQueue({ ...packLimits(model), merging });
  queue.add({ rows, choice: { kind: 'base' } });
  const packs: (readonly Row[])[] = [];
  while (queue.size > 0) packs.push(queue.take().flatMap((share) => share.rows));
  expect(packs).toEqual(groupRows(rows, model));
});
