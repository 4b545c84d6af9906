import { z } from 'zod';
import { recordSchema } from './record-schema.ts';

/** Where producers in other languages find the forms of preference records. */
export const schemaFile = new URL('../../../proto/schema/preference.schema.json', import.meta.url);

/** The JSON Schema (draft 2020-12) of `recordSchema`, as the published file has it. */
export const schemaText = (): string => `${JSON.stringify(z.toJSONSchema(recordSchema), undefined, 2)}\n`;
