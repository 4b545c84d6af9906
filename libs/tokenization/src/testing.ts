/** What tests and benchmarks of the whole look into; packages use the index alone. */
export { BUILT_IN_TEMPLATES } from './built-in-templates.ts';
export { writeByteTokenizer } from './byte-tokenizer.ts';
export { JinjaTemplate } from './chat-template.ts';
export { openTokenizer } from './tokenizer.ts';
