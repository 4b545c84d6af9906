import { AlphapoError, unreachable } from '@alphapo/base';
import * as wire from '../generated/alphapo/v1/policy.ts';
import { type Objective, objectiveSchema } from './objective.ts';

/** Objectives between the messages of proto/ and the types that the rest of the code uses. */

const NLL_AVERAGE = { pairs: wire.NllAverage.PAIRS, tokens: wire.NllAverage.TOKENS } as const;
const REFERENCE = { none: wire.Reference.NONE, base: wire.Reference.BASE } as const;
const LOG_PROB = { mean: wire.ResponseLogProb.MEAN, sum: wire.ResponseLogProb.SUM } as const;

/** The name that a table has for a number of an enum; undefined where it is unspecified or unknown. */
const nameOf = (table: Readonly<Record<string, number>>, value: number) =>
  Object.keys(table).find((name) => table[name] === value);

export function objectiveToWire(objective: Objective): wire.Objective {
  const nll = objective.kind === 'sft' ? undefined : objective.nll;
  return {
    objective: messageOf(objective),
    nll: nll && { weight: nll.weight, average: NLL_AVERAGE[nll.average] },
  };
}

function messageOf(objective: Objective): wire.Objective['objective'] {
  switch (objective.kind) {
    case 'alphapo': {
      const { alpha, beta, gamma, labelSmoothing = 0 } = objective;
      return { $case: 'alphapo', value: { alpha, beta, gamma, labelSmoothing } };
    }
    case 'simpo': {
      const { beta, gamma, labelSmoothing = 0 } = objective;
      return { $case: 'simpo', value: { beta, gamma, labelSmoothing } };
    }
    case 'dpo':
    case 'cpo': {
      const { kind, beta, labelSmoothing = 0 } = objective;
      return { $case: kind, value: { beta, labelSmoothing } };
    }
    case 'ipo': {
      const { beta, logProb, reference } = objective;
      return { $case: 'ipo', value: { beta, logProb: LOG_PROB[logProb], reference: REFERENCE[reference] } };
    }
    case 'orpo':
      return { $case: 'orpo', value: { beta: objective.beta } };
    case 'hinge':
      return { $case: 'hinge', value: { beta: objective.beta, reference: REFERENCE[objective.reference] } };
    case 'sft':
      return { $case: 'sft', value: { average: NLL_AVERAGE[objective.average] } };
    default:
      return unreachable(objective);
  }
}

/** Errors: INVALID_OBJECTIVE with the field. */
export function objectiveFromWire({ objective, nll }: wire.Objective): Objective {
  const result = objectiveSchema.safeParse({
    ...fieldsOf(objective),
    ...(nll && { nll: { weight: nll.weight, average: nameOf(NLL_AVERAGE, nll.average) } }),
  });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.code === 'unrecognized_keys' ? issue.keys : issue?.path;
  const field = `objective.${path?.join('.') ?? ''}`;
  throw new AlphapoError('invalid-argument', 'INVALID_OBJECTIVE', `${field}: ${issue?.message ?? 'is not valid'}`, {
    metadata: { field },
  });
}

/** What the schema is to check: 0 as the field that it leaves out, enums as their names. */
function fieldsOf(objective: wire.Objective['objective']): object {
  if (objective === undefined) return {};
  const { $case: kind, value } = objective;
  switch (kind) {
    case 'ipo':
      return {
        kind,
        ...value,
        logProb: nameOf(LOG_PROB, value.logProb),
        reference: nameOf(REFERENCE, value.reference),
      };
    case 'hinge':
      return { kind, ...value, reference: nameOf(REFERENCE, value.reference) };
    case 'orpo':
      return { kind, ...value };
    case 'sft':
      return { kind, average: nameOf(NLL_AVERAGE, value.average) ?? 'pairs' };
    default:
      return { kind, ...value, labelSmoothing: value.labelSmoothing === 0 ? undefined : value.labelSmoothing };
  }
}
