import { runSpecificationDigest, runSpecificationSchema } from './run-specification.ts';

/** As it stands in the checkpoints and ledgers of runs that have begun. */
const WRITTEN = {
  objective: { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25 },
  method: { kind: 'lora', rank: 16, alpha: 32, targets: ['q_proj', 'v_proj'] },
  optimizer: { learningRate: 5e-6, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 },
  schedule: { kind: 'cosine', warmupSteps: 1, totalSteps: 8 },
  batch: { pairs: 128, shards: 4 },
  lengths: { maxLength: 2048, maxPromptLength: 1800 },
  compute: { packTokens: 1024, activations: 'kept', weights: 'packed' },
  onNonFinite: 'stop',
  dtype: 'float32',
  seed: 0,
};

test('a specification has the digest that it had in earlier releases', () => {
  const specification = runSpecificationSchema.parse(WRITTEN);
  expect(specification).toEqual(WRITTEN);
  expect(runSpecificationDigest(specification)).toBe(
    'sha256:611cc9207022f8f44479030262c2be398c87b5a6ee8449bfa8eff45a8df36bc9',
  );
});
