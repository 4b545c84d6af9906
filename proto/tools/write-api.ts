import { writeFileSync } from 'node:fs';
import { apiPage, apiPageFile } from './api-page.ts';

/** Writes docs/api.md; run by `npm run proto`. */
writeFileSync(apiPageFile, apiPage());
