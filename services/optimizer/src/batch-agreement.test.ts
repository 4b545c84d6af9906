import {
  PreferenceBatch,
  resolveRunSpecification,
  runSettingsSchema,
  runSpecificationDigest,
} from '@alphapo/contracts';
import { BatchAgreement } from './batch-agreement.ts';

const FACTS = { pairs: undefined, maxPositions: 64, parameterCount: 1, linearLayers: ['q_proj'] };
const specification = resolveRunSpecification(runSettingsSchema.parse({ steps: 1 }), FACTS);

const batchOf = (weight: number | undefined): PreferenceBatch =>
  PreferenceBatch.decode(
    PreferenceBatch.encode(
      PreferenceBatch.fromPartial({
        runSpecificationDigest: runSpecificationDigest(specification),
        pairs: [{ id: 'first' }, { id: 'second', ...(weight !== undefined && { weight }) }],
      }),
    ).finish(),
  );

test.each([undefined, 0, 0.5, 1, 1e300])('a batch with the weight %p is taken', (weight) => {
  expect(() => new BatchAgreement(specification).require(batchOf(weight), 3n)).not.toThrow();
});

test.each([-1, -1e-300, Number.NaN, Number.POSITIVE_INFINITY])(
  'one with the weight %p is refused by name',
  (weight) => {
    expect(() => new BatchAgreement(specification).require(batchOf(weight), 3n)).toThrow(
      expect.objectContaining({
        reason: 'BATCH_REFUSED',
        message: `batch at offset 3 has a pair (second) with a wrong weight (${weight} is not a weight; it must be a finite number, 0 or more): only the tokenizer may write to this topic`,
      }),
    );
  },
);
