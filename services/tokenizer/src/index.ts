export { type RunningTokenizer, startTokenizer, type TokenizerConfig } from './start.ts';
