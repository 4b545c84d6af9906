import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { someCheckpoint } from './checkpoint.fixture.ts';
import { modelCard } from './model-card.ts';
import { type PolicyFacts, readPolicyFacts, writePolicyFacts } from './policy-facts.ts';

const { specification, modelDigest } = someCheckpoint(1);

const facts: PolicyFacts = {
  baseModel: { name: 'owner/name', revision: 'c0ffee' },
  runId: 'run-1',
  step: 12,
  pairsTaken: 48,
  specification,
  digests: { policy: 'sha256:policy', model: modelDigest, runSpecification: 'sha256:specification' },
  data: { datasets: ['owner/pairs'], train: 40, evaluation: 5, rejected: 2 },
  evaluations: [
    { step: 0, evaluation: { accuracy: 0.5, loss: 0.69 } },
    { step: 12, evaluation: { accuracy: 0.8, loss: 0.51 } },
  ],
};

const frontMatterOf = (card: string) => parse(card.split('---\n')[1] ?? '');

test('an adapter’s card has what a hub reads', () => {
  expect(frontMatterOf(modelCard({ kind: 'adapter', baseModel: facts.baseModel, facts }))).toEqual({
    base_model: 'owner/name',
    library_name: 'peft',
    pipeline_tag: 'text-generation',
    tags: ['alphapo', 'preference-optimization', 'lora'],
    datasets: ['owner/pairs'],
  });
});

test.each(['model', 'merged'] as const)('a card of a whole model (%s) is of transformers', (kind) => {
  expect(frontMatterOf(modelCard({ kind, baseModel: facts.baseModel, facts })).library_name).toBe('transformers');
});

test('a base model that is a path is no name for a hub', () => {
  const card = modelCard({ kind: 'adapter', baseModel: { name: '/models/base' }, facts });
  expect(frontMatterOf(card)).not.toHaveProperty('base_model');
  expect(card).toContain('from_pretrained("/models/base")');
});

test('a card tells settings, data, results and digests', () => {
  const card = modelCard({ kind: 'adapter', baseModel: facts.baseModel, facts });
  for (const line of [
    '| steps | 12 of 20 |',
    '| pairs learned from | 48 |',
    '| pairs in the training data | 40 |',
    '| rejected records | 2 |',
    '| objective | alphapo, alpha 0.25, beta 2.5, gamma 0.25 |',
    '| method | lora, rank 2, alpha 4, targets q_proj |',
    '| 12 | 0.8 | 0.51 |',
    '| policy | `sha256:policy` |',
    'from_pretrained("owner/name", revision="c0ffee")',
  ]) {
    expect(card).toContain(line);
  }
});

test('what is not known is left out', () => {
  const { data: _data, evaluations: _evaluations, ...others } = facts;
  const card = modelCard({ kind: 'adapter', baseModel: facts.baseModel, facts: others });
  expect(frontMatterOf(card)).not.toHaveProperty('datasets');
  for (const absent of ['training data', 'Held-out', 'tokenizer |', 'undefined', 'NaN'])
    expect(card).not.toContain(absent);
  const ofOthers = modelCard({
    kind: 'merged',
    baseModel: facts.baseModel,
    facts: undefined,
    mergedInto: 'sha256:base',
  });
  expect(ofOthers).not.toContain('## Training');
  expect(ofOthers).toContain('`sha256:base`');
});

test('facts are read as they were written; absent ones are unknown, damaged ones an error', async () => {
  const folder = await temporaryFolder();
  expect(await readPolicyFacts(folder)).toBeUndefined();
  await writePolicyFacts(folder, facts);
  expect(await readPolicyFacts(folder)).toEqual(facts);
  await writeFile(join(folder, 'alphapo.json'), '{}');
  await expect(readPolicyFacts(folder)).rejects.toMatchObject({ code: 'data-loss', reason: 'POLICY_FACTS_DAMAGED' });
});
