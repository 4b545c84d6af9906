import {
  OptimizerServiceDefinition,
  SamplerServiceDefinition,
  ScorerServiceDefinition,
  TokenizerServiceDefinition,
} from '@alphapo/contracts';
import { methodPath, type ProtoService } from '../definition.ts';

/**
 * What a caller may do. `score`: have text tokenized, scored and continued. `read`: see what there is, follow a run and fetch its
 * policy. `control`: steer a run, and have gradients computed for it.
 */
export const SCOPES = ['score', 'read', 'control'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who may call a method: whoever has the scope, or everybody. */
export type Requirement = Scope | 'none';

/** The scope of each method: one that is forgotten here does not compile. */
type MethodScopes<S extends ProtoService> = { readonly [Method in keyof S['methods']]: Scope };

const TOKENIZER: MethodScopes<TokenizerServiceDefinition> = {
  describe: 'read',
  encode: 'score',
  decode: 'score',
  applyChatTemplate: 'score',
};

const SCORER: MethodScopes<ScorerServiceDefinition> = {
  describeScorer: 'read',
  score: 'score',
  gradient: 'control',
};

const SAMPLER: MethodScopes<SamplerServiceDefinition> = {
  describeSampler: 'read',
  generate: 'score',
};

const OPTIMIZER: MethodScopes<OptimizerServiceDefinition> = {
  getStatus: 'read',
  watchSteps: 'read',
  watchEvaluations: 'read',
  getPolicy: 'read',
  pause: 'control',
  resume: 'control',
  checkpoint: 'control',
  export: 'control',
};

const BY_PATH: ReadonlyMap<string, Scope> = new Map([
  ...byPath(TokenizerServiceDefinition, TOKENIZER),
  ...byPath(ScorerServiceDefinition, SCORER),
  ...byPath(SamplerServiceDefinition, SAMPLER),
  ...byPath(OptimizerServiceDefinition, OPTIMIZER),
]);

/** Services that every server has beside its own. */
const BY_SERVICE: ReadonlyMap<string, Requirement> = new Map<string, Requirement>([
  // Those who ask for health (a kubelet, a load balancer) have no token.
  ['grpc.health.v1.Health', 'none'],
  ['grpc.reflection.v1.ServerReflection', 'read'],
  ['grpc.reflection.v1alpha.ServerReflection', 'read'],
]);

/** The scope that a method needs, by its path; undefined for a method that no caller may use. */
export function requirementOf(path: string): Requirement | undefined {
  return BY_PATH.get(path) ?? BY_SERVICE.get(path.split('/')[1] ?? '');
}

function byPath<S extends ProtoService>(service: S, scopes: MethodScopes<S>): [string, Scope][] {
  return Object.entries<Scope>(scopes).map(([name, scope]) => [methodPath(service, name), scope]);
}
