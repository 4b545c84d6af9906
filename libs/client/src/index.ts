export { AlphapoError } from '@alphapo/base';
export { FinishReason, RunState, ScorerState } from '@alphapo/contracts';
export {
  type CallOptions,
  type OpenOptions,
  type OptimizerClient,
  openOptimizer,
  openSampler,
  openScorer,
  openTokenizer,
  type SamplerClient,
  type ScorerClient,
  type TokenizerClient,
} from './open.ts';
