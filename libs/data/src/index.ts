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
export { type FileRecord, readRecords } from './read-records.ts';
export { recordSchema } from './record-schema.ts';
export { shuffledOrder } from './shuffle.ts';
