/** What tests and benchmarks of the whole look into; packages use the index alone. */
export { Computer } from './compute.ts';
export type { LogitLayout } from './head.ts';
export { batchFeeds, batchPairsFeed, pairFeeds, referenceFeeds, weightFeed } from './objective-feeds.ts';
export { packRows } from './pack.ts';
export { PackGradients } from './pack-gradients.ts';
export { gradientProgram, scoringProgram } from './program.ts';
export { programStyle } from './program-style.ts';
export { type Feeds, Session } from './session.ts';
export { ModelFolder } from './weights.ts';
