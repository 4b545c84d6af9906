export { type CachedDataset, openDataset } from './cached-dataset.ts';
export { cachedModel } from './cached-model.ts';
export { fetchModel } from './fetch-model.ts';
