export { type FetchedModel, type FetchOptions, type FetchProgress, fetchModel } from './fetch-model.ts';
export { readRecord as readFetchedModel } from './record.ts';
