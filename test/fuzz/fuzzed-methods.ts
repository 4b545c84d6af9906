/** Methods that requests are sent to, and the files that hold requests and records. */

export const FUZZED_METHODS = [
  'encode',
  'decode',
  'applyChatTemplate',
  'score',
  'gradient',
  'getPolicy',
  'watchSteps',
  'export',
] as const;
export type FuzzedMethod = (typeof FUZZED_METHODS)[number];

export const requestFile = (method: FuzzedMethod) => `${method}.binpb`;
export const BATCH_FILE = 'batch.binpb';
