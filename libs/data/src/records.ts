/** Records by themselves, without the files they come from: what a tokenizer's process loads. */
export { parsePreference } from './parse-preference.ts';
export type {
  Json,
  Message,
  ParsedPreference,
  Preference,
  RecordFacts,
  RecordOptions,
  RecordReason,
  Rejection,
} from './preference.ts';
