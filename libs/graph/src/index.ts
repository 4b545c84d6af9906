export * from './build.ts';
export { differentiate } from './differentiate.ts';
export { writeOnnx } from './onnx/write.ts';
export type { OperatorName } from './operators.ts';
export { productOf } from './shapes.ts';
export { type Dimension, type ElementType, Graph, type Shape, type Value } from './value.ts';
