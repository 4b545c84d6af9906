/** What tests and benchmarks of the whole look into; packages use the index alone. */
export { scorerConfigFrom } from './config.ts';
