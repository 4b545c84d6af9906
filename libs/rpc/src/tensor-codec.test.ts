import {
  GetPolicyResponse,
  GradientResponse,
  OptimizerServiceDefinition,
  ScorerServiceDefinition,
} from '@alphapo/contracts';
import type { MethodDefinition } from '@grpc/grpc-js';
import { grpcDefinition } from './definition.ts';
import { withTensorCodec } from './tensor-codec.ts';

const chunk = (bytes: number) => ({
  name: 'model.embed_tokens.weight',
  dataType: 1 as const,
  shape: [32_000n, 512n],
  byteOffset: 2n ** 33n,
  data: Buffer.alloc(bytes, 'abc'),
});
const version = { runId: 'run', step: 3n, digest: 'sha256:0' };
const summary = {
  policy: version,
  pairs: [],
  loss: 0.5,
  tensorCount: 2,
  computeMs: 1,
  policyMs: 2,
  computation: undefined,
};
const header = { version, method: undefined, tensorCount: 2, modelDigest: 'sha256:1' };

const SCORER = grpcDefinition(ScorerServiceDefinition);
const METHODS = {
  gradient: { service: SCORER, message: GradientResponse },
  getPolicy: { service: grpcDefinition(OptimizerServiceDefinition), message: GetPolicyResponse },
};
const ANSWERS = [
  ['gradient', 'a chunk', { part: { $case: 'chunk', value: chunk(100_000) } }],
  ['gradient', 'a chunk without data', { part: { $case: 'chunk', value: chunk(0) } }],
  ['gradient', 'a summary', { part: { $case: 'summary', value: summary } }],
  ['gradient', 'nothing', { part: undefined }],
  ['getPolicy', 'a chunk', { part: { $case: 'chunk', value: chunk(200) } }],
  ['getPolicy', 'a header', { part: { $case: 'header', value: header } }],
] as const;

test.each(ANSWERS)('%s: %s has the bytes of the generated code, and is read back', (name, _what, answer) => {
  const { service, message } = METHODS[name];
  const { responseSerialize, responseDeserialize } = withTensorCodec(service)[name] as MethodDefinition<
    unknown,
    unknown
  >;
  const bytes = Buffer.from(message.encode(answer as never).finish());
  expect(responseSerialize(answer).equals(bytes)).toBe(true);
  expect(responseDeserialize(bytes)).toEqual(answer);
});

test('data before the name, as other languages may write it, is read as well', () => {
  const { responseDeserialize } = withTensorCodec(SCORER).gradient as MethodDefinition<unknown, unknown>;
  const chunkBytes = Buffer.from([0x2a, 2, 7, 8, 0x0a, 1, 0x77]);
  const answer = Buffer.concat([Buffer.from([0x12, chunkBytes.length]), chunkBytes]);
  expect(responseDeserialize(answer)).toEqual({
    part: {
      $case: 'chunk',
      value: { name: 'w', dataType: 0, shape: [], byteOffset: 0n, data: Buffer.from([7, 8]) },
    },
  });
});

test('other methods are left alone', () => {
  expect(withTensorCodec(SCORER).score).toBe(SCORER.score);
});
