export { type CachedDataset, openDataset } from './cached-dataset.ts';
export { cachedModel } from './cached-model.ts';
export { type FetchedModel, type FetchOptions, type FetchProgress, fetchModel } from './fetch-model.ts';
export { isHubName, type ModelName, modelName } from './model-name.ts';
