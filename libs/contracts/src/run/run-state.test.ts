import { RunState } from '../generated/alphapo/v1/optimizer.ts';
import { runStateFromWire, runStateToWire } from './run-state.ts';

const states = Object.values(RunState).filter((state) => state !== RunState.UNSPECIFIED);

test.each(states)('state %i has a name that means it', (state) => {
  const name = runStateFromWire(state);
  expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  expect(name && runStateToWire(name)).toBe(state);
});

test('words of several parts have dashes', () => {
  expect(runStateToWire('waiting-for-scorers')).toBe(RunState.WAITING_FOR_SCORERS);
});

test.each([RunState.UNSPECIFIED, 99 as RunState])('state %i has no name', (state) => {
  expect(runStateFromWire(state)).toBeUndefined();
});
