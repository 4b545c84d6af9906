import { runSettingsSchema } from '@alphapo/contracts';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { describeHelm, helm, NAMESPACE, one, type Resource, render, type Values } from './helm.ts';

/** Numbers as Helm hands them over: what is not an integer is text. */

type Schema = { readonly type?: string };

/** Every number among the settings but epochs, which a stream does not take, with one that it may be. */
const { properties = {} } = z.toJSONSchema(runSettingsSchema, { io: 'input' });
const numbers: Record<string, number> = Object.fromEntries(
  Object.entries(properties as Record<string, Schema>)
    .filter(([key, { type }]) => key !== 'epochs' && (type === 'number' || type === 'integer'))
    .map(([key, { type }]) => [key, type === 'integer' ? 8 : 0.25]),
);

function rendered(options: readonly string[], values: Values = {}): Resource[] {
  const place = ['--namespace', NAMESPACE, '--kube-version', '1.34.0'];
  const text = helm(['template', 'trial', ...place, ...options], values);
  return parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
}

const runOf = (resources: readonly Resource[]) => {
  const { data } = one(resources, 'ConfigMap', 'run');
  return { name: data['run-name'], settings: parse(data['run.yaml']) };
};

describeHelm('numbers of policy', () => {
  const fromFile = runOf(render({ policy: numbers }));

  test('are numbers in the run’s file', () => {
    expect(Object.keys(numbers).length).toBeGreaterThan(20);
    expect(fromFile.settings).toEqual(numbers);
  });

  test.each(['--set', '--set-string'])('are the same by %s: the same settings, and the same run', (option) => {
    const options = Object.entries(numbers).flatMap(([key, value]) => [option, `policy.${key}=${value}`]);
    expect(runOf(rendered(options))).toEqual(fromFile);
  });

  test.each([
    ['1e-6', 1e-6],
    ['0.0000007', 7e-7],
    ['2.50', 2.5],
  ])('are read as they are written: %s', (text, value) => {
    expect(runOf(rendered(['--set', `policy.learning-rate=${text}`])).settings['learning-rate']).toBe(value);
  });

  test('leave words as they are', () => {
    const { settings } = runOf(rendered(['--set', 'policy.dtype=bfloat16,policy.preset=simpo-gemma-2-9b-it']));
    expect(settings).toMatchObject({ dtype: 'bfloat16', preset: 'simpo-gemma-2-9b-it' });
  });
});
