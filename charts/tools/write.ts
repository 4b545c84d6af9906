import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readme } from './readme.ts';
import { valuesSchema } from './schema.ts';
import { CHART } from './values.ts';

/** Writes what follows from values.yaml: its schema, and the table in the chart's README; run by `npm run chart`. */
writeFileSync(join(CHART, 'values.schema.json'), `${JSON.stringify(valuesSchema(), undefined, 2)}\n`);
writeFileSync(join(CHART, 'README.md'), readme());
