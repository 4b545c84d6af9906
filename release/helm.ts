import { existsSync } from 'node:fs';
import { join } from 'node:path';

const BUILT = join(import.meta.dirname, '../node_modules/.cache/helm/helm');

/** helm: the one that test/chart/install.sh has built, else that on the PATH. */
export const HELM = existsSync(BUILT) ? BUILT : 'helm';
