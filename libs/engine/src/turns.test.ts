import { nextTurn, type Waiting } from './turns.ts';

const turnOf = (waiting: Partial<Waiting>) =>
  nextTurn({
    ...{ lastTurn: 'piece', piecewise: 0, scoreCalls: 0, expectedCalls: 1 },
    ...{ isFull: false, waitedMs: 0, lingerMs: 2 },
    ...waiting,
  });

test('without waiting work nobody has a turn', () => {
  expect(turnOf({})).toEqual({ kind: 'nobody' });
  expect(turnOf({ expectedCalls: 9 })).toEqual({ kind: 'nobody' });
});

test('scores and pieces alternate while both wait', () => {
  const both = { piecewise: 1, scoreCalls: 1 };
  expect(turnOf({ ...both, lastTurn: 'piece' })).toEqual({ kind: 'scores' });
  expect(turnOf({ ...both, lastTurn: 'scores' })).toEqual({ kind: 'piece' });
});

test('work that waits alone has every turn', () => {
  expect(turnOf({ piecewise: 1, lastTurn: 'piece' })).toEqual({ kind: 'piece' });
  expect(turnOf({ scoreCalls: 1, lastTurn: 'scores' })).toEqual({ kind: 'scores' });
});

test('a single call is not held back', () => {
  expect(turnOf({ scoreCalls: 1, expectedCalls: 1 })).toEqual({ kind: 'scores' });
});

test('a call waits for as many calls as the last execution had, but not longer than the linger', () => {
  const few = { scoreCalls: 2, expectedCalls: 8 };
  expect(turnOf({ ...few, waitedMs: 0.5 })).toEqual({ kind: 'wait', forMs: 1.5 });
  expect(turnOf({ ...few, waitedMs: 2 })).toEqual({ kind: 'scores' });
  expect(turnOf({ ...few, lingerMs: 0 })).toEqual({ kind: 'scores' });
});

test('a full execution does not wait', () => {
  expect(turnOf({ scoreCalls: 2, expectedCalls: 8, isFull: true })).toEqual({ kind: 'scores' });
});

test('a gradient is not held back for scores that may come', () => {
  const few = { scoreCalls: 2, expectedCalls: 8, piecewise: 1 };
  expect(turnOf({ ...few, lastTurn: 'piece' })).toEqual({ kind: 'scores' });
  expect(turnOf({ ...few, lastTurn: 'scores' })).toEqual({ kind: 'piece' });
});
