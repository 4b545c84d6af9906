import { readFileSync } from 'node:fs';
import { kebabCase } from '@alphapo/settings';
import { OBJECTIVE_KINDS } from './objective.ts';
import { objectiveSettings } from './objective-settings.ts';
import { learningRatesText, parameterText, REFERENCE_OBJECTIVES } from './setting-texts.ts';

test('a setting says whose it is', () => {
  expect(parameterText('logProb')).toMatch(/^ipo: /);
  expect(parameterText('gamma')).toMatch(/^alphapo, simpo: /);
  expect(parameterText('beta')).toMatch(/^all but sft: /);
  expect(parameterText('nllAverage')).toMatch(/^average /);
});

test('the default of most objectives comes first, then those of others', () => {
  expect(parameterText('beta')).toContain('(default: 0.1; alphapo and simpo 2.5; hinge 1, with a reference 0.1)');
  expect(parameterText('nllWeight')).toContain('(default: 0; cpo 1)');
  expect(parameterText('reference')).toContain('(default: ipo base, hinge none)');
  expect(parameterText('gamma')).not.toContain('default');
  expect(learningRatesText()).toBe('5e-7; alphapo 7e-7; orpo 8e-6; sft 2e-5');
});

test('objectives that compare with a reference are named', () => {
  expect(REFERENCE_OBJECTIVES).toBe('dpo, ipo and hinge');
});

const docs = readFileSync(new URL('../../../../docs/objectives.md', import.meta.url), 'utf8');

test.each([...OBJECTIVE_KINDS, ...Object.keys(objectiveSettings).map(kebabCase)])(
  'docs/objectives.md names %s',
  (name) => {
    // `objective` itself is named with its values.
    expect(docs).toContain(`\`${name}\``);
  },
);
