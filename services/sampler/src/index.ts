export { runSampler } from './run.ts';
export { samplerSettings } from './settings.ts';
export { type RunningSampler, type SamplerConfig, startSampler } from './start.ts';
