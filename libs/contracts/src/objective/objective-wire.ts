import { AlphapoError } from '@alphapo/base';
import { z } from 'zod';
import * as wire from '../generated/alphapo/v1/policy.ts';
import type { NllTerm } from './kinds/fields.ts';
import { type Objective, type ObjectiveKind, objectiveSchema, recordOf } from './objective.ts';

/**
 * Objectives between the messages of proto/ and the types that the rest of the code uses. A message has the fields of its
 * objective, with two differences: enums are numbers, and an optional number that is absent is 0.
 */

type Fields = Readonly<Record<string, unknown>>;
type Numbers = Readonly<Record<string, number>>;
type Message = NonNullable<wire.Objective['objective']>;

/** Fields that are enums; their names in messages are those here in capital letters. */
const ENUMS: Readonly<Record<string, Numbers>> = {
  average: wire.NllAverage,
  logProb: wire.ResponseLogProb,
  reference: wire.Reference,
};

export function objectiveToWire(objective: Objective): wire.Objective {
  const { kind, nll, ...fields }: Objective & { readonly nll?: NllTerm | undefined } = objective;
  return {
    objective: { $case: kind, value: toMessage({ ...zeros(kind), ...fields }) } as unknown as Message,
    nll: nll && (toMessage(nll) as unknown as wire.NllTerm),
  };
}

/** Errors: INVALID_OBJECTIVE with the field. */
export function objectiveFromWire({ objective, nll }: wire.Objective): Objective {
  const result = objectiveSchema.safeParse({
    ...(objective && fieldsOf(objective)),
    ...(nll && { nll: fromMessage(nll) }),
  });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.code === 'unrecognized_keys' ? issue.keys : issue?.path;
  const field = `objective.${path?.join('.') ?? ''}`;
  throw new AlphapoError('invalid-argument', 'INVALID_OBJECTIVE', `${field}: ${issue?.message ?? 'is not valid'}`, {
    metadata: { field },
  });
}

/** What the schema is to check. */
function fieldsOf({ $case: kind, value }: Message): Fields {
  const { absent } = recordOf(kind);
  const zero = zeros(kind);
  const present = Object.entries(fromMessage(value)).filter(([name, field]) => !(name in zero && field === 0));
  return { kind, ...absent, ...Object.fromEntries(present) };
}

/** The optional numbers of an objective, as its message has them where they are absent. */
function zeros(kind: ObjectiveKind): Fields {
  const { nll: _, ...fields } = recordOf(kind).fields;
  const optional = Object.keys(fields).filter((name) => fields[name] instanceof z.ZodOptional);
  return Object.fromEntries(optional.map((name) => [name, 0]));
}

function toMessage(fields: object): Fields {
  return mapFields(fields, (name, value) => (name in ENUMS ? ENUMS[name]?.[String(value).toUpperCase()] : value));
}

/** Without enums that are unspecified or unknown. */
function fromMessage(message: object): Fields {
  return mapFields(message, (name, value) => (name in ENUMS ? nameOf(ENUMS[name] as Numbers, value) : value));
}

function nameOf(numbers: Numbers, value: unknown): string | undefined {
  const name = value === 0 ? undefined : Object.keys(numbers).find((key) => numbers[key] === value);
  return name?.toLowerCase();
}

function mapFields(fields: object, map: (name: string, value: unknown) => unknown): Fields {
  const mapped = Object.entries(fields).map(([name, value]) => [name, map(name, value)] as const);
  return Object.fromEntries(mapped.filter(([, value]) => value !== undefined));
}
