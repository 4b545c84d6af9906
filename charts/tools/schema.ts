import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runSettingsSchema } from '@alphapo/contracts';
import { kebabCase } from '@alphapo/settings';
import { z } from 'zod';
import { orAsText, type Schema } from './number-text.ts';
import { SERVICE_SETTINGS } from './service-settings.ts';
import { CHART, type ChartValue, readValues } from './values.ts';

/** values.schema.json: nothing is allowed that values.yaml does not have, and `policy` is the settings of a run. */

const schemaFile = join(CHART, 'values.schema.json');

/** The schema as it stands in the chart. */
export const currentSchema = (): unknown => JSON.parse(readFileSync(schemaFile, 'utf8'));

/** The schema that values.yaml and the settings of a run come to. */
export function valuesSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart alphapo',
    ...objectOf(readValues()),
  };
}

function objectOf(values: readonly ChartValue[]): Schema {
  const properties = Object.fromEntries(values.map((value) => [value.key, schemaOf(value)]));
  // Helm adds `global` where the chart is part of another.
  const global = values.some(({ path }) => path === 'policy') ? { global: { type: 'object' } } : {};
  return { type: 'object', additionalProperties: false, properties: { ...properties, ...global } };
}

function schemaOf({ path, description, default: initial, schema, children }: ChartValue): Schema {
  const described = description === '' ? {} : { description };
  if (path === 'policy') return { ...described, ...policySchema() };
  const settings = SERVICE_SETTINGS.get(path);
  if (settings !== undefined) return { ...described, ...settingsSchema(settings) };
  if (children !== undefined) return { ...described, ...objectOf(children) };
  return { ...described, ...(schema ?? typeOf(path, initial)) };
}

function typeOf(path: string, initial: unknown): Schema {
  if (typeof initial === 'boolean') return { type: 'boolean' };
  if (typeof initial === 'number') return { type: 'integer', minimum: 0 };
  if (typeof initial === 'string') return { type: 'string' };
  if (JSON.stringify(initial) === '[]') return { type: 'array', items: { type: 'object' } };
  if (JSON.stringify(initial) === '{}') return { type: 'object', additionalProperties: { type: 'string' } };
  throw new Error(`values.yaml: ${path}: its default does not say its type; add @schema`);
}

/** The settings of a run in both spellings that the command line's YAML takes. */
function policySchema(): Schema {
  const { properties = {} } = z.toJSONSchema(runSettingsSchema, { target: 'draft-7', io: 'input' });
  const spelled = Object.entries(properties as Readonly<Record<string, Schema>>).flatMap(([key, setting]) =>
    [...new Set([kebabCase(key), key])].map((spelling) => [spelling, setting] as const),
  );
  return settingsSchema(Object.fromEntries(spelled));
}

/** Defaults are the service's, not the chart's: Helm must not fill them in. */
function settingsSchema(settings: Readonly<Record<string, Schema>>): Schema {
  const properties = Object.entries(settings).map(([key, { default: _, ...setting }]) => [key, orAsText(setting)]);
  return { type: 'object', additionalProperties: false, properties: Object.fromEntries(properties) };
}
