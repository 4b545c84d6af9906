export { BYTE_VOCABULARY_SIZE, writeByteTokenizer } from './byte-tokenizer.ts';
export type { ChatTemplateSource } from './chat-template.ts';
export { tokenizePreference, tokenizeResponse } from './tokenize-preference.ts';
export { openTokenizer, type Tokenizer } from './tokenizer.ts';
