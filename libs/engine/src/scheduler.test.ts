import type { PolicyChoice, ScoringStatistics, SequenceLogProbs } from './engine.ts';
import type { PackLimits } from './pack.ts';
import type { Row } from './row.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';

const BASE: PolicyChoice = { kind: 'base' };
const never = new AbortController().signal;

function packsOf(tokens: number): PackLimits {
  const size = { tokens, responseTokens: Number.POSITIVE_INFINITY };
  return { pack: size, merged: size };
}

/** A row of a hundredth of a pack, known by a number. */
const row = (id: number): Row => ({ prompt: [id], responses: [[]] });
const resultOf = ({ prompt }: Row): SequenceLogProbs[] => [
  { sum: prompt[0] as number, mean: 0, tokens: 1, logProbs: new Float32Array() },
];
const sums = (results: readonly (readonly SequenceLogProbs[])[]) => results.map(([first]) => first?.sum);

/** A scheduler whose executions are noted, as is each piece of its computations. */
function noting(options: Partial<SchedulerOptions> = {}) {
  const turns: (string | number[])[] = [];
  let statistics: ScoringStatistics | undefined;
  const execute = async (rows: readonly Row[]) => {
    turns.push(rows.map(({ prompt }) => prompt[0] as number));
    return rows.map(resultOf);
  };
  const scheduler = new Scheduler({
    ...{ ...packsOf(100), merging: 'on', lingerMs: 0, execute },
    onStatistics: (latest) => {
      statistics = latest;
    },
    ...options,
  });
  const score = (...ids: number[]) => scheduler.score(ids.map(row), BASE, never).then(sums);
  const pieces = (name: string, count: number) =>
    scheduler.runInPieces(async (checkpoint) => {
      for (let i = 0; i < count; i++) {
        await checkpoint();
        turns.push(name);
      }
      return name;
    }, never);
  return { scheduler, turns, score, pieces, statistics: () => statistics };
}

test('calls that wait together are computed in one execution, and each gets its own results', async () => {
  const { score, turns, statistics } = noting();
  expect(await Promise.all([score(1, 2), score(3), score(4)])).toEqual([[1, 2], [3], [4]]);
  expect(turns).toEqual([[1, 2, 3, 4]]);
  expect(statistics()).toEqual({ calls: 3, executions: 1, mergedExecutions: 1 });
});

test('a call without rows has no results, and needs no execution', async () => {
  const { score, turns } = noting();
  expect(await score()).toEqual([]);
  expect(turns).toEqual([]);
});

test('a call that is larger than an execution gets its results in order', async () => {
  const { score, turns } = noting(packsOf(3));
  expect(await Promise.all([score(1, 2, 3, 4, 5), score(6)])).toEqual([[1, 2, 3, 4, 5], [6]]);
  expect(turns).toEqual([
    [1, 2, 3],
    [6, 4, 5],
  ]);
});

test('computations in pieces come one after the other', async () => {
  const { pieces, turns } = noting();
  expect(await Promise.all([pieces('a', 2), pieces('b', 2)])).toEqual(['a', 'b']);
  expect(turns).toEqual(['a', 'a', 'b', 'b']);
});

test('waiting scores are computed between two pieces, one execution at a time', async () => {
  const { pieces, score, turns } = noting(packsOf(1));
  await Promise.all([pieces('a', 3), score(1, 2, 3, 4, 5)]);
  expect(turns).toEqual([[1], [2], 'a', [3], 'a', [4], 'a', [5]]);
});

test('a cancelled call leaves the others of its execution alone', async () => {
  const { scheduler, score, turns } = noting();
  const abort = new AbortController();
  const others = [score(1), score(3)];
  const cancelled = scheduler.score([row(2)], BASE, abort.signal);
  abort.abort(new Error('gone'));
  await expect(cancelled).rejects.toThrow('gone');
  expect(await Promise.all(others)).toEqual([[1], [3]]);
  expect(turns).toEqual([[1, 3]]);
});

test('a cancelled call is not computed further', async () => {
  const abort = new AbortController();
  const taken: number[] = [];
  const { scheduler, score } = noting({
    ...packsOf(1),
    execute: async (rows) => {
      taken.push(...rows.map(({ prompt }) => prompt[0] as number));
      if (taken.length === 1) abort.abort(new Error('gone'));
      return rows.map(resultOf);
    },
  });
  const cancelled = scheduler.score([1, 2, 3].map(row), BASE, abort.signal);
  const other = score(4);
  await expect(cancelled).rejects.toThrow('gone');
  expect(await other).toEqual([4]);
  expect(taken).toEqual([1, 4]);
});

test('a computation that is cancelled stops at its next checkpoint, one that has not begun at once', async () => {
  const { scheduler, turns } = noting();
  const abort = new AbortController();
  const endless = async (checkpoint: () => Promise<void>) => {
    for (;;) {
      await checkpoint();
      turns.push('piece');
      if (turns.length === 3) abort.abort(new Error('gone'));
    }
  };
  const both = [1, 2].map(() => scheduler.runInPieces(endless, abort.signal));
  expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(turns).toHaveLength(3);
});

test('an execution that fails, fails for the calls in it and for no other', async () => {
  let executions = 0;
  const { score, pieces } = noting({
    execute: async (rows) => {
      if (++executions === 1) throw new Error('out of memory');
      return rows.map(resultOf);
    },
  });
  const failing = [score(1), score(2)].map((call) => expect(call).rejects.toThrow('out of memory'));
  await Promise.all(failing);
  expect(await Promise.all([score(3), pieces('a', 1)])).toEqual([[3], 'a']);
});

test('calls wait briefly for as many as there were before', async () => {
  const { score, turns } = noting({ lingerMs: 500 });
  await Promise.all([score(1), score(2)]);
  const first = score(3);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await Promise.all([first, score(4)]);
  expect(turns).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test('a call is computed after the linger if no others come', async () => {
  const { score, turns } = noting({ lingerMs: 20 });
  await Promise.all([score(1), score(2)]);
  const started = performance.now();
  await score(3);
  expect(performance.now() - started).toBeGreaterThanOrEqual(15);
  await score(4);
  expect(turns).toEqual([[1, 2], [3], [4]]);
});
