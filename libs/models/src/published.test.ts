import { elementCount } from '@alphapo/base';
import { publishedModels } from './published.fixture.ts';
import { modelFromConfig } from './registry.ts';

test.each(Object.entries(publishedModels))('%s is accepted, with the parameters that it has', (_name, published) => {
  const { parameters } = modelFromConfig(published.config);
  expect(parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(published.parameterCount);
});
