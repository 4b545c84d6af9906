export { descriptorSetFile } from './descriptor-set.ts';
export { OPTIMIZER_UNAVAILABLE } from './error-reasons.ts';
export * from './generated/alphapo/v1/events.ts';
export * from './generated/alphapo/v1/optimizer.ts';
export type { PolicyVersion } from './generated/alphapo/v1/policy.ts';
export * as wire from './generated/alphapo/v1/policy.ts';
export * from './generated/alphapo/v1/sampler.ts';
export * from './generated/alphapo/v1/scorer.ts';
export { DataType as WireDataType, TensorChunk } from './generated/alphapo/v1/tensor.ts';
export * from './generated/alphapo/v1/tokenizer.ts';
export * as keda from './generated/externalscaler/externalscaler.ts';
export { BadRequest, ErrorInfo, RetryInfo } from './generated/google/rpc/error_details.ts';
export { Status as RpcStatus } from './generated/google/rpc/status.ts';
export { LATEST_POLICY } from './model-names.ts';
export type { NllAverage } from './objective/kinds/fields.ts';
export {
  averagesOverTokens,
  needsReference,
  type Objective,
  type ObjectiveKind,
  type ObjectiveOf,
  objectiveSchema,
} from './objective/objective.ts';
export { objectiveSettings } from './objective/objective-settings.ts';
export { objectiveFromWire, objectiveToWire } from './objective/objective-wire.ts';
export { REFERENCE_OBJECTIVES } from './objective/setting-texts.ts';
export { MAX_SHARD_PAIRS } from './run/batch-limits.ts';
export {
  type ComputeFingerprint,
  computeFingerprintOf,
  computeFingerprintSchema,
  type ReportedFingerprint,
} from './run/compute-fingerprint.ts';
export {
  type ComputeSettings,
  computeSettingsSchema,
  DEFAULT_COMPUTE,
  DEFAULT_PACK_TOKENS,
} from './run/compute-settings.ts';
export { computeFromWire, computeToWire } from './run/compute-wire.ts';
export { type Dtype, dtypeSchema } from './run/dtype.ts';
export {
  type Answer,
  DEFAULT_ANSWER_TOKENS,
  type EvaluatedAnswers,
  type EvaluatedPairs,
  type EvaluatedStep,
  evaluatedStepSchema,
  evaluationRecordSchema,
} from './run/evaluated-step.ts';
export { type ExecutionProvider, executionProviderSchema } from './run/execution-provider.ts';
export { weightProblem } from './run/pair-weight.ts';
export { runFileSettings } from './run/run-file-settings.ts';
export {
  type Adjustment,
  type ResolvedRun,
  type RunFacts,
  type RunSettings,
  resolveRun,
  resolveRunSpecification,
  runSettingsSchema,
} from './run/run-settings.ts';
export {
  parseRunSettings,
  readRunSettings,
  TRAIN_ONLY_SETTINGS,
} from './run/run-settings-file.ts';
export {
  type RunSpecification,
  runSpecificationDigest,
  runSpecificationSchema,
  type TrainingMethod,
  trainingMethodSchema,
} from './run/run-specification.ts';
export { type RunStateName, runStateFromWire, runStateToWire } from './run/run-state.ts';
export { trainingMethodFromWire, trainingMethodToWire } from './run/training-method-wire.ts';
export { type SkippedStep, type TrainingStep, trainingStepSchema } from './run/training-step.ts';
export { messageJson } from './topics/message-json.ts';
export { topicSettings } from './topics/topic-settings.ts';
export {
  CONTROL_HEADER,
  type DeadLetter,
  deadLetterFromHeaders,
  deadLetterHeaders,
  END_OF_DATA,
  ORIGIN_HEADER,
  RUN_HEADER,
  type Topics,
  topicsWithPrefix,
} from './topics/topics.ts';
