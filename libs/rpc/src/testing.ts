/** What tests and benchmarks of the whole look into; packages use the index alone. */
export { securitySettingsFrom } from './security/settings.ts';
