export * from './build.ts';
export { differentiate, type Gradient } from './differentiate.ts';
export { peakBytes } from './memory.ts';
export { writeOnnx } from './onnx/write.ts';
export type { OperatorName } from './operators.ts';
export { recomputed } from './recompute.ts';
export { productOf } from './shapes.ts';
export {
  type Contribution,
  type Dimension,
  type ElementType,
  Graph,
  isNarrow,
  type RowGradient,
  type Shape,
  type Value,
} from './value.ts';
