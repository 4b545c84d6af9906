export { runTokenizer } from './run.ts';
export { tokenizerSettings } from './settings.ts';
export { type RunningTokenizer, startTokenizer, type TokenizerConfig } from './start.ts';
