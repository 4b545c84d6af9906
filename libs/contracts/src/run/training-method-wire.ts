import { AlphapoError } from '@alphapo/base';
import type * as wire from '../generated/alphapo/v1/policy.ts';
import { type TrainingMethod, trainingMethodSchema } from './run-specification.ts';

/** Training methods between the messages of proto/ and the types of the rest of the code. What comes from outside is checked. */

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
