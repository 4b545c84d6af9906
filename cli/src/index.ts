/** The command line as a library: what tests and benchmarks run in their own process. */
export { initModel, TINY_CONFIG } from './commands/init-model.ts';
export { stepLineage } from './lineage/step-lineage.ts';
export { type RecordTrace, type TraceTarget, traceRecord } from './lineage/trace.ts';
export { type VerifyReport, verifyRun } from './lineage/verify.ts';
export { main } from './main.ts';
export { LOCAL_TOPICS } from './training/local-run.ts';
