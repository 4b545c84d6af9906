import { AlphapoError } from '@alphapo/base';
import type * as wire from './generated/alphapo/v1/policy.ts';
import { type Objective, objectiveSchema } from './objective.ts';
import { type TrainingMethod, trainingMethodSchema } from './run-specification.ts';

/** Between the messages of proto/ and the types that the rest of the code uses. What comes from outside is checked. */

export function objectiveToWire(objective: Objective): wire.Objective {
  switch (objective.kind) {
    case 'alphapo': {
      const { alpha, beta, gamma } = objective;
      return { objective: { $case: 'alphapo', value: { alpha, beta, gamma } } };
    }
    case 'simpo':
      return { objective: { $case: 'simpo', value: { beta: objective.beta, gamma: objective.gamma } } };
    case 'dpo':
      return { objective: { $case: 'dpo', value: { beta: objective.beta } } };
    case 'sft':
      return { objective: { $case: 'sft', value: {} } };
  }
}

/** Errors: INVALID_OBJECTIVE with the field. */
export function objectiveFromWire({ objective }: wire.Objective): Objective {
  const result = objectiveSchema.safeParse({ kind: objective?.$case, ...objective?.value });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid('INVALID_OBJECTIVE', `objective.${issue?.path.join('.') ?? ''}`, issue?.message);
}

export function trainingMethodToWire(method: TrainingMethod): wire.TrainingMethod {
  if (method.kind === 'full') return { method: { $case: 'full', value: {} } };
  const { rank, alpha, targets } = method;
  return { method: { $case: 'lora', value: { rank, alpha, targets } } };
}

/** Errors: INVALID_METHOD with the field. */
export function trainingMethodFromWire({ method }: wire.TrainingMethod): TrainingMethod {
  const result = trainingMethodSchema.safeParse({ kind: method?.$case, ...method?.value });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid('INVALID_METHOD', `method.${issue?.path.join('.') ?? ''}`, issue?.message);
}

function invalid(reason: string, field: string, problem = 'is not valid'): AlphapoError {
  return new AlphapoError('invalid-argument', reason, `${field}: ${problem}`, { metadata: { field } });
}
