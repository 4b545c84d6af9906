import { z } from 'zod';

/**
 * One setting of a service: all that its flag, its environment variable, its key in files and Helm values, and their
 * documentation are made from.
 */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** Of the value itself, with `default` or `optional` where it may be left out. Numbers, choices, lists and truths may come as text. */
  readonly schema: Schema;
  /** What it does, in a phrase: for help, the chart and errors. */
  readonly description: string;
  /** What stands for the value in the help: `host:port`. Numbers, choices and truths have one of their own. */
  readonly placeholder?: string;
  /** Environment variable of what belongs to the deployment: addresses, paths, secrets. What operators choose has none. */
  readonly variable?: string;
}

/** Settings by their key, in camel case. */
export type Settings = Readonly<Record<string, Setting>>;

/** The values that settings come to. */
export type ValuesOf<S extends Settings> = { readonly [Key in keyof S]: z.infer<S[Key]['schema']> };

/** Fields of a schema that say how a value is written. */
export interface ValueType {
  /** The type without `optional` and `default`. */
  readonly inner: z.ZodType;
  /** Zod's name of it: string, number, boolean, enum, array … */
  readonly kind: string;
  readonly defaultValue: unknown;
}

export function valueTypeOf(schema: z.ZodType): ValueType {
  if (schema instanceof z.ZodOptional) return valueTypeOf(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodDefault) {
    return { ...valueTypeOf(schema.unwrap() as z.ZodType), defaultValue: schema.def.defaultValue };
  }
  return { inner: schema, kind: schema.def.type, defaultValue: undefined };
}
