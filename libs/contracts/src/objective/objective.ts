import { z } from 'zod';
import { OBJECTIVES } from './kinds/index.ts';
import type { ObjectiveRecord } from './kinds/record.ts';

type Records = typeof OBJECTIVES;
export type ObjectiveKind = keyof Records;
export type ObjectiveOf<K extends ObjectiveKind> = z.infer<Records[K]['schema']>;

/** What training minimizes, with its parameters resolved. */
export type Objective = { [K in ObjectiveKind]: ObjectiveOf<K> }[ObjectiveKind];

type Schema = Records[ObjectiveKind]['schema'];

export const objectiveSchema = z.discriminatedUnion(
  'kind',
  Object.values(OBJECTIVES).map(({ schema }) => schema) as [Schema, ...Schema[]],
);

export const OBJECTIVE_KINDS = Object.keys(OBJECTIVES) as [ObjectiveKind, ...ObjectiveKind[]];

export const recordOf = (kind: ObjectiveKind): ObjectiveRecord => OBJECTIVES[kind];

/** Whether the objective compares with a reference: the model before any training, or a model that is given for it. */
export function needsReference(objective: Objective): boolean {
  const { reference } = recordOf(objective.kind);
  return (
    reference === 'always' || (reference === 'where-set' && 'reference' in objective && objective.reference === 'base')
  );
}

/** Whether a pair's loss depends on how many tokens the chosen responses of the whole batch have. */
export function averagesOverTokens(objective: Objective): boolean {
  return recordOf(objective.kind).nllAverage(objective) === 'tokens';
}
