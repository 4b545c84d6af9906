export { type ColumnOptions, changesNothing, type LeftOut, type Winner } from './columns.ts';
export { pythonJson } from './python-json.ts';
export type { FileRecord } from './reading/file-record.ts';
export { type ChosenFiles, chooseFiles } from './reading/layout.ts';
export { type ReadOptions, readFiles, readRecords } from './reading/read-records.ts';
export { recordOf } from './record-of.ts';
export { recordSchema } from './record-schema.ts';
export * from './records.ts';
export { shuffledOrder } from './shuffle.ts';
