export { CALL_PROMPTS, evaluateAnswers, type Generate } from './answers.ts';
export { type EvaluationData, evaluationDigest } from './evaluation-data.ts';
export {
  nonFiniteScore,
  type WeightsToCheck,
  weightsOfModel,
  weightsOfTensors,
  withWeightsToBlame,
} from './non-finite.ts';
export { evaluatePairs, type Score, type TokenPair } from './pairs.ts';
export { readEvaluationPairs, readEvaluationPrompts } from './read.ts';
export { bestStepOf, collapseOf, type TrainingWarning, warningsOf } from './warnings.ts';
