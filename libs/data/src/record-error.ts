import { printable } from '@alphapo/base';
import type { RecordReason } from './preference.ts';

/** A record that cannot be trained on; caught by `parsePreference`, which returns it as a rejection. */
export class RecordError extends Error {
  readonly reason: RecordReason;
  readonly field: string | undefined;

  constructor(reason: RecordReason, message: string, field: string | undefined) {
    super(message);
    this.reason = reason;
    this.field = field;
  }
}

/** A path beyond this is cut: a record may have names of any length. */
const LONGEST_PLACE = 200;

export function refuse(reason: RecordReason, message: string, field?: string): never {
  throw new RecordError(reason, printable(message), field === undefined ? undefined : printable(field, LONGEST_PLACE));
}

/** The kind of a value, for messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
