export { AlphapoError } from '@alphapo/base';
export { RunState, ScorerState } from '@alphapo/contracts';
export {
  type CallOptions,
  type OpenOptions,
  type OptimizerClient,
  openOptimizer,
  openScorer,
  openTokenizer,
  type ScorerClient,
  type TokenizerClient,
} from './open.ts';
