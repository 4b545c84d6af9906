import { OptimizerServiceDefinition, ScorerServiceDefinition, TokenizerServiceDefinition } from '@alphapo/contracts';
import { grpcDefinition } from '../definition.ts';
import { requirementOf, SCOPES } from './scopes.ts';

test('every method of every service needs a scope', () => {
  for (const service of [TokenizerServiceDefinition, ScorerServiceDefinition, OptimizerServiceDefinition]) {
    for (const { path } of Object.values(grpcDefinition(service))) expect(SCOPES).toContain(requirementOf(path));
  }
});

test.each([
  '/alphapo.v1.ScorerService/Unknown',
  '/alphapo.v2.ScorerService/Score',
  '/alphapo.v1.ScorerService/score',
  'grpc.health.v1.Health',
  '/',
  '',
])('%j is open to nobody', (path) => {
  expect(requirementOf(path)).toBeUndefined();
});
