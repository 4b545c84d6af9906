import { writeFileSync } from 'node:fs';
import { schemaFile, schemaText } from './schema-file.ts';

/** Writes the published JSON Schema of preference records; run by `npm run generate`. */
writeFileSync(schemaFile, schemaText());
