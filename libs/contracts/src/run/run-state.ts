import { RunState } from '../generated/alphapo/v1/optimizer.ts';

/** WAITING_FOR_SCORERS to waiting-for-scorers. */
type Kebab<T extends string> = T extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}-${Kebab<Tail>}`
  : Lowercase<T>;

/** What an optimizer does with its run; the states of its message, in words. */
export type RunStateName = Kebab<Exclude<keyof typeof RunState, 'UNSPECIFIED'>>;

const WIRE = Object.fromEntries(
  Object.entries(RunState).map(([name, state]) => [name.toLowerCase().replaceAll('_', '-'), state]),
) as Readonly<Record<RunStateName, RunState>>;

const NAMES = new Map(Object.entries(WIRE).map(([name, state]) => [state, name as RunStateName]));
NAMES.delete(RunState.UNSPECIFIED);

export const runStateToWire = (state: RunStateName): RunState => WIRE[state];

/** Undefined where it is unspecified, or a state of a later release. */
export const runStateFromWire = (state: RunState): RunStateName | undefined => NAMES.get(state);
