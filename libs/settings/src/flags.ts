import type { z } from 'zod';
import { kebabCase } from './names.ts';
import { valueTypeOf } from './setting.ts';

/** Longest flag that leaves the help room for descriptions. */
const MAX_FLAG = 60;

/** An option of the command line, as help shows it. */
export interface Flag {
  /** `--learning-rate <number>`. */
  readonly flags: string;
  readonly description: string;
}

interface FlagParts {
  readonly schema: z.ZodType;
  readonly description: string;
  readonly placeholder?: string | undefined;
  /** Whether a truth is said by the flag alone, and not by on or off. */
  readonly bareTruth?: boolean;
}

/** The flag of a setting, with its choices and its default. */
export function flagOf(key: string, { schema, description, placeholder, bareTruth = false }: FlagParts): Flag {
  const { inner, kind, defaultValue } = valueTypeOf(schema);
  const flag = `--${kebabCase(key)}`;
  const shown =
    defaultValue === undefined || bareDefault(defaultValue) ? '' : ` (default: ${written(defaultValue, bareTruth)})`;
  const described = `${description}${shown}`;
  switch (kind) {
    case 'boolean':
      return bareTruth
        ? { flags: flag, description: described }
        : { flags: `${flag} <on|off>`, description: described };
    case 'array':
      return { flags: `${flag} <${placeholder ?? 'names'}>`, description: `${described}, separated by commas` };
    case 'enum':
      return choiceFlag(flag, (inner as z.ZodEnum).options, described);
    case 'number':
      return { flags: `${flag} <${placeholder ?? 'number'}>`, description: described };
    default:
      return { flags: `${flag} <${placeholder ?? 'text'}>`, description: described };
  }
}

/** Defaults that say nothing: the empty text, and no list. */
const bareDefault = (value: unknown) => value === '' || (Array.isArray(value) && value.length === 0);

function written(value: unknown, bareTruth: boolean): string {
  if (typeof value === 'boolean' && !bareTruth) return value ? 'on' : 'off';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The values stand in the flag where they fit there, or in the description, which may say what each is: `name: …`. */
function choiceFlag(flag: string, values: readonly (string | number)[], description: string): Flag {
  const flags = `${flag} <${values.join('|')}>`;
  if (flags.length <= MAX_FLAG) return { flags, description };
  const isNamed = values.every((value) => description.includes(`${value}: `));
  return { flags: `${flag} <name>`, description: isNamed ? description : `${description}: ${values.join(', ')}` };
}
