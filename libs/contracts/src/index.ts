export * from './generated/alphapo/v1/events.ts';
export * from './generated/alphapo/v1/optimizer.ts';
export type { PolicyVersion } from './generated/alphapo/v1/policy.ts';
export * as wire from './generated/alphapo/v1/policy.ts';
export * from './generated/alphapo/v1/scorer.ts';
export { DataType as WireDataType, TensorChunk } from './generated/alphapo/v1/tensor.ts';
export * from './generated/alphapo/v1/tokenizer.ts';
export { needsReference, type Objective, type ObjectiveKind, objectiveSchema } from './objective.ts';
export {
  type RunSpecification,
  runSpecificationDigest,
  runSpecificationSchema,
  type TrainingMethod,
  trainingMethodSchema,
} from './run-specification.ts';
