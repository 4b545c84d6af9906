import * as wire from '../generated/alphapo/v1/policy.ts';
import { OBJECTIVE_KINDS, type Objective } from './objective.ts';
import { objectiveFromWire, objectiveToWire } from './objective-wire.ts';

const NLL = { weight: 0.5, average: 'pairs' } as const;

const OBJECTIVES: readonly Objective[] = [
  { kind: 'alphapo', alpha: -0.5, beta: 2.5, gamma: 0.625 },
  { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0, labelSmoothing: 0.1, nll: NLL },
  { kind: 'simpo', beta: 10, gamma: 3 },
  { kind: 'simpo', beta: 10, gamma: 3, labelSmoothing: 0.49, nll: { weight: 1, average: 'tokens' } },
  { kind: 'dpo', beta: 0.1 },
  { kind: 'dpo', beta: 0.1, labelSmoothing: 0.2, nll: NLL },
  { kind: 'ipo', beta: 0.1, logProb: 'mean', reference: 'base' },
  { kind: 'ipo', beta: 0.1, logProb: 'sum', reference: 'none', nll: NLL },
  { kind: 'orpo', beta: 0.1 },
  { kind: 'orpo', beta: 0.1, nll: NLL },
  { kind: 'cpo', beta: 0.1 },
  { kind: 'cpo', beta: 0.1, labelSmoothing: 0.2, nll: { weight: 1, average: 'tokens' } },
  { kind: 'hinge', beta: 1, reference: 'none' },
  { kind: 'hinge', beta: 0.05, reference: 'base', nll: NLL },
  { kind: 'sft', average: 'pairs' },
  { kind: 'sft', average: 'tokens' },
];

test('every objective is among the examples', () => {
  expect(new Set(OBJECTIVES.map(({ kind }) => kind))).toEqual(new Set(OBJECTIVE_KINDS));
});

test.each(OBJECTIVES.map((objective) => [JSON.stringify(objective), objective] as const))(
  '%s comes back from its bytes as it was',
  (_name, objective) => {
    const bytes = wire.Objective.encode(objectiveToWire(objective)).finish();
    expect(objectiveFromWire(wire.Objective.decode(bytes))).toEqual(objective);
  },
);

test('messages from before there were more fields mean what they did', () => {
  const empty = wire.SftObjective.fromPartial({});
  expect(objectiveFromWire({ objective: { $case: 'sft', value: empty }, nll: undefined })).toEqual({
    kind: 'sft',
    average: 'pairs',
  });
  const dpo = wire.DpoObjective.fromPartial({ beta: 0.1 });
  expect(objectiveFromWire({ objective: { $case: 'dpo', value: dpo }, nll: undefined })).toEqual({
    kind: 'dpo',
    beta: 0.1,
  });
});

const { Reference, ResponseLogProb, NllAverage } = wire;
const orpo: wire.Objective['objective'] = { $case: 'orpo', value: { beta: 1 } };
const ipo = (fields: Partial<wire.IpoObjective>): wire.Objective['objective'] => ({
  $case: 'ipo',
  value: { beta: 1, logProb: ResponseLogProb.SUM, reference: Reference.BASE, ...fields },
});

test.each<[string, wire.Objective['objective'], wire.NllTerm | undefined]>([
  ['kind', undefined, undefined],
  ['beta', { $case: 'dpo', value: { beta: -1, labelSmoothing: 0 } }, undefined],
  ['labelSmoothing', { $case: 'cpo', value: { beta: 1, labelSmoothing: 0.5 } }, undefined],
  ['labelSmoothing', { $case: 'simpo', value: { beta: 1, gamma: 1, labelSmoothing: -0.1 } }, undefined],
  ['logProb', ipo({ logProb: ResponseLogProb.UNSPECIFIED }), undefined],
  ['reference', ipo({ reference: Reference.UNSPECIFIED }), undefined],
  ['reference', { $case: 'hinge', value: { beta: 1, reference: 7 as wire.Reference } }, undefined],
  ['nll.average', orpo, { weight: 1, average: NllAverage.UNSPECIFIED }],
  ['nll.weight', orpo, { weight: 0, average: NllAverage.PAIRS }],
  ['nll', { $case: 'sft', value: { average: NllAverage.PAIRS } }, { weight: 1, average: NllAverage.PAIRS }],
])('a wrong %s is refused by its field', (field, objective, nll) => {
  expect(() => objectiveFromWire({ objective, nll })).toThrow(
    expect.objectContaining({ reason: 'INVALID_OBJECTIVE', metadata: { field: `objective.${field}` } }),
  );
});
