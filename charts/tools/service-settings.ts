import { SERVICES } from '@alphapo/cli/services';
import { jsonSchemaOf, type Settings } from '@alphapo/settings';
import type { Schema } from './number-text.ts';

/** Settings that operators choose: those that the chart does not compute and hand over as environment variables. */
const chosen = (settings: Settings): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([, { variable }]) => variable === undefined));

/** By the path of their values: the settings of each service, as properties of a JSON Schema. */
export const SERVICE_SETTINGS: ReadonlyMap<string, Readonly<Record<string, Schema>>> = new Map(
  Object.entries(SERVICES).map(([name, { settings }]) => [`${name}.settings`, jsonSchemaOf(chosen(settings))]),
);
