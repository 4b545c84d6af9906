import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, type Pair, parse, parseDocument, type YAMLMap } from 'yaml';
import type { Schema } from './number-text.ts';
import { SERVICE_SETTINGS } from './service-settings.ts';

/** Folder of the chart. */
export const CHART = join(import.meta.dirname, '../alphapo');

/** A value of the chart, with what the comment above it says. */
export interface ChartValue {
  /** Keys from the top, joined by dots. */
  readonly path: string;
  readonly key: string;
  readonly description: string;
  readonly default: unknown;
  /** What follows `@schema`; undefined if the type of the default says it all. */
  readonly schema: Schema | undefined;
  /** The values below it; undefined if it is given as a whole. */
  readonly children: readonly ChartValue[] | undefined;
}

type Types = Readonly<Record<string, Schema>>;

const SCHEMA = /^\s*@schema (.+)$/m;

/** The values of values.yaml, in its order. Throws if one that is given as a whole has no comment, or a type is unknown. */
export function readValues(): ChartValue[] {
  const { contents, comment } = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
  if (!isMap(contents)) throw new Error('values.yaml is no mapping');
  const [, types = ''] = (comment ?? '').split('@types\n');
  return valuesOf(contents, '', parse(types.replace(/^ /gm, '')));
}

function valuesOf(map: YAMLMap, above: string, types: Types): ChartValue[] {
  return map.items.map((pair, index) => {
    const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
    const path = above === '' ? key : `${above}.${key}`;
    const comment = commentAbove(pair, index === 0 ? map : undefined);
    const description = comment
      .replace(SCHEMA, '')
      .replace(/\s*\n\s*/g, ' ')
      .trim();
    const schema = schemaIn(comment, path, types);
    const whole = path === 'policy' || SERVICE_SETTINGS.has(path) || schema !== undefined;
    const children =
      !whole && isMap(pair.value) && pair.value.items.length > 0 ? valuesOf(pair.value, path, types) : undefined;
    if (children === undefined && description === '') throw new Error(`values.yaml: ${path} has no comment`);
    return { path, key, description, default: toJs(pair.value), schema, children };
  });
}

/** The lines right above a key. YAML gives the comment of a mapping's first key to the mapping. */
function commentAbove({ key }: Pair, opened: YAMLMap | undefined): string {
  const comment = (isScalar(key) && key.commentBefore) || opened?.commentBefore || '';
  return comment.split('\n\n').at(-1) as string;
}

function schemaIn(comment: string, path: string, types: Types): Schema | undefined {
  const [, written] = SCHEMA.exec(comment) ?? [];
  if (written === undefined) return undefined;
  const schema = parse(written);
  if (typeof schema !== 'string') return schema;
  if (types[schema] === undefined) throw new Error(`values.yaml: ${path}: @types has no ${schema}`);
  return types[schema];
}

function toJs(node: unknown): unknown {
  return (node as { toJSON(): unknown }).toJSON();
}
