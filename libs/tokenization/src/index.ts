export { BYTE_VOCABULARY_SIZE, writeByteTokenizer } from './byte-tokenizer.ts';
export { CHAT_TEMPLATE_CHOICES } from './chat-template.ts';
export { chatTemplateSettings } from './chat-template-settings.ts';
export { ContinuationText, type TextPiece } from './continuation-text.ts';
export type { TokenLimits } from './limits.ts';
export type { TokenizedRecord } from './pool/jobs.ts';
export { type PoolOptions, TokenizerPool } from './pool/tokenizer-pool.ts';
export {
  type TokenizeOptions,
  type TokenizeResult,
  type TokenReason,
  tokenizePreference,
  tokenizeResponse,
} from './tokenize-preference.ts';
export { openTokenizer, type Tokenizer } from './tokenizer.ts';
export { type Turns, turnsOf } from './turns.ts';
