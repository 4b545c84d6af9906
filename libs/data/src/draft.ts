import type { Preference } from './preference.ts';

/** A preference before its id, its weight and its meaning were looked at. */
export type Draft = Preference extends infer Kind
  ? Kind extends unknown
    ? Omit<Kind, 'id' | 'weight'>
    : never
  : never;
