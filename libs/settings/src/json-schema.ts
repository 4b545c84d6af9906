import { z } from 'zod';
import type { Settings } from './setting.ts';

/** Settings as properties of a JSON Schema (draft 7), each with its description and default, by their keys. */
export function jsonSchemaOf(settings: Settings): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const properties = Object.entries(settings).map(([key, { schema, description }]) => {
    const { $schema: _, ...property } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
    return [key, { description, ...property }];
  });
  return Object.fromEntries(properties);
}
