import { currentReadme, readme } from '../../charts/tools/readme.ts';
import { currentSchema, valuesSchema } from '../../charts/tools/schema.ts';

test('values.schema.json is what values.yaml and the settings of a run come to; if not, run npm run chart', () => {
  expect(currentSchema()).toEqual(valuesSchema());
});

test('the chart’s README has the values of values.yaml; if not, run npm run chart', () => {
  expect(currentReadme()).toBe(readme());
});

test('the schema allows no key that is not described', () => {
  const open: string[] = [];
  const visit = (schema: Record<string, unknown>, path: string) => {
    const properties = schema.properties as Record<string, Record<string, unknown>> | undefined;
    if (properties === undefined) return;
    if (schema.additionalProperties !== false) open.push(path);
    for (const [key, below] of Object.entries(properties)) visit(below, `${path}.${key}`);
  };
  visit(valuesSchema(), '');
  expect(open).toEqual([]);
});
