import { refuseUnknownVariables } from '@alphapo/settings';
import { SERVICES } from './services.ts';

/** Variables that are no settings of a service, with who reads them. */
const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  ALPHAPO_CACHE: 'commands that fetch models and data',
  ALPHAPO_TERMINATION_MESSAGE: 'Kubernetes shows what a service writes into this file',
  ALPHAPO_LAUNCHER_PID: 'bin/alphapo.js',
  ALPHAPO_SHARED: 'tests',
  ALPHAPO_PYTHON: 'tests and benchmarks',
  ALPHAPO_SMOLLM2: 'tests',
  ALPHAPO_CHAOS_CLOCK: 'chaos trials',
  ALPHAPO_BENCH_CACHE: 'benchmarks',
};

const SETTINGS = Object.fromEntries(Object.entries(SERVICES).map(([name, { settings }]) => [name, settings]));

/** The environment of this process. Errors: INVALID_CONFIGURATION if it has a variable ALPHAPO_… that nobody reads. */
export function knownEnvironment(): NodeJS.ProcessEnv {
  refuseUnknownVariables(process.env, SETTINGS, Object.keys(OTHER_VARIABLES));
  return process.env;
}
