export { MAX_SHARD_PAIRS } from './batch-limits.ts';
export { type Computation, computationOf, computationSchema, type ToldComputation } from './computation.ts';
export {
  type ComputeSettings,
  computeSettingsSchema,
  DEFAULT_COMPUTE,
  DEFAULT_PACK_TOKENS,
} from './compute-settings.ts';
export { computeFromWire, computeToWire } from './compute-wire.ts';
export { descriptorSetFile } from './descriptor-set.ts';
export { drainTimeSchema } from './drain-time.ts';
export { type Dtype, dtypeSchema } from './dtype.ts';
export { parseEnvironment, readSecret, type SecretSource, secretSource } from './environment.ts';
export { OPTIMIZER_UNAVAILABLE } from './error-reasons.ts';
export { type ExecutionProvider, executionProviderSchema } from './execution-provider.ts';
export * from './generated/alphapo/v1/events.ts';
export * from './generated/alphapo/v1/optimizer.ts';
export type { PolicyVersion } from './generated/alphapo/v1/policy.ts';
export * as wire from './generated/alphapo/v1/policy.ts';
export * from './generated/alphapo/v1/scorer.ts';
export { DataType as WireDataType, TensorChunk } from './generated/alphapo/v1/tensor.ts';
export * from './generated/alphapo/v1/tokenizer.ts';
export * as keda from './generated/externalscaler/externalscaler.ts';
export { messageJson } from './message-json.ts';
export {
  averagesOverTokens,
  type NllAverage,
  type NllTerm,
  needsReference,
  type Objective,
  type ObjectiveKind,
  type ObjectiveOf,
  objectiveSchema,
} from './objective.ts';
export { objectiveSettings } from './objective-settings.ts';
export { objectiveFromWire, objectiveToWire } from './objective-wire.ts';
export { weightProblem } from './pair-weight.ts';
export {
  type Adjustment,
  type ResolvedRun,
  type RunFacts,
  type RunSettings,
  resolveRun,
  resolveRunSpecification,
  runSettingsSchema,
} from './run-settings.ts';
export {
  parseRunSettings,
  readRunSettings,
  readSettingsFile,
  type SettingsFile,
  TRAIN_ONLY_SETTINGS,
} from './run-settings-file.ts';
export {
  type RunSpecification,
  runSpecificationDigest,
  runSpecificationSchema,
  type TrainingMethod,
  trainingMethodSchema,
} from './run-specification.ts';
export { camelCase, kebabCase } from './setting-names.ts';
export {
  CONTROL_HEADER,
  type DeadLetter,
  deadLetterFromHeaders,
  deadLetterHeaders,
  END_OF_DATA,
  MAX_RECORD_BYTES,
  ORIGIN_HEADER,
  RUN_HEADER,
  type Topics,
  topicsWithPrefix,
} from './topics.ts';
export { trainingMethodFromWire, trainingMethodToWire } from './training-method-wire.ts';
export { type SkippedStep, type TrainingStep, trainingStepSchema } from './training-step.ts';
export { readNumber, type WrittenNumber } from './written-number.ts';
export { parseYaml } from './yaml.ts';
