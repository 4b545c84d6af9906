/** What tests and benchmarks of the whole look into; packages use the index alone. */
export { samplerConfigFrom } from './config.ts';
