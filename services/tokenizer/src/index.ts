export { runTokenizer } from './run.ts';
export { type RunningTokenizer, startTokenizer, type TokenizerConfig } from './start.ts';
