import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';
import { constraintOf } from './constraints.ts';
import { SERVICE_SETTINGS } from './service-settings.ts';

/** Folder of the chart. */
export const CHART = join(import.meta.dirname, '../alphapo');

/** A value of the chart, as values.yaml has it: the comment above it is its description. */
export interface ChartValue {
  /** Keys from the top, joined by dots. */
  readonly path: string;
  readonly key: string;
  readonly description: string;
  readonly default: unknown;
  /** The values below it; undefined where it is given as a whole. */
  readonly children: readonly ChartValue[] | undefined;
}

/** The values of values.yaml, in its order. Throws where one that is given as a whole has no comment. */
export function readValues(): ChartValue[] {
  const { contents } = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
  if (!isMap(contents)) throw new Error('values.yaml is no mapping');
  return valuesOf(contents, '');
}

function valuesOf(map: YAMLMap, above: string): ChartValue[] {
  return map.items.map((pair, index) => {
    const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
    const path = above === '' ? key : `${above}.${key}`;
    // The first key's comment belongs to the mapping, as YAML sees it.
    const comment =
      (isScalar(pair.key) && pair.key.commentBefore) || (index === 0 ? map.commentBefore : undefined) || '';
    const description = comment.replace(/\s*\n\s*/g, ' ').trim();
    const whole = path === 'policy' || SERVICE_SETTINGS.has(path) || constraintOf(path) !== undefined;
    const children =
      !whole && isMap(pair.value) && pair.value.items.length > 0 ? valuesOf(pair.value, path) : undefined;
    if (children === undefined && description === '') throw new Error(`values.yaml: ${path} has no comment`);
    return {
      path,
      key,
      description,
      default: isMap(pair.value) || pair.value ? toJs(pair.value) : pair.value,
      children,
    };
  });
}

function toJs(node: unknown): unknown {
  return (node as { toJSON(): unknown }).toJSON();
}
