import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVICES } from '@alphapo/cli/services';
import { valueTypeOf } from '@alphapo/settings';
import { parse } from 'yaml';
import { CHART, describeHelm, one, type Resource, render } from './helm.ts';
import { settingsOf } from './service-settings.ts';
import { VARIANTS } from './variants.ts';

/** What the chart hands to the services is what they read. */

/** Settings whose default the chart replaces, with the reason. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'scorer.threads': 'pods of one run must agree, whatever cores their nodes have',
};

test.each(Object.entries(SERVICES))(
  '%s has in values.yaml the defaults that it has by itself',
  (name, { settings }) => {
    const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
    for (const [key, value] of Object.entries(values[name].settings)) {
      if (`${name}.${key}` in OTHERWISE) continue;
      expect({ key, value }).toEqual({ key, value: valueTypeOf(settings[key]?.schema as never).defaultValue });
    }
  },
);

describeHelm('the settings of services', () => {
  test.each(VARIANTS)('are read by the services: %s', async (_name, values, files) => {
    const resources = render(values, files);
    for (const name of Object.keys(SERVICES)) {
      const isRendered = ({ kind, metadata }: Resource) =>
        ['Deployment', 'StatefulSet'].includes(kind) && metadata.name.endsWith(`-${name}`);
      if (!resources.some(isRendered)) continue;
      expect(Object.keys(await settingsOf(resources, name)).length).toBeGreaterThan(10);
    }
  });

  test('are those of the values', async () => {
    const resources = render({
      tokenizer: { settings: { ignoreFields: ['annotator', 'split'], lingerMs: '500' } },
      scorer: { settings: { threads: 3, scoreMerging: false, scoreLingerMs: '2.5' } },
      optimizer: { settings: { saveDtype: 'bfloat16', checkpointKeptEvery: 100 } },
      autoscaler: { settings: { callWaitSeconds: 900 } },
      autoscaling: { cooldownSeconds: 60 },
    });
    const read = async (service: string) => settingsOf(resources, service);
    expect(await read('tokenizer')).toMatchObject({ ignoreFields: ['annotator', 'split'], lingerMs: 500 });
    expect(await read('scorer')).toMatchObject({ threads: 3, scoreMerging: false, scoreLingerMs: 2.5 });
    expect(await read('optimizer')).toMatchObject({ saveDtype: 'bfloat16', checkpointKeptEvery: 100 });
    expect(await read('autoscaler')).toMatchObject({ callWaitSeconds: 900, heldCalls: 128, cooldownSeconds: 60 });
  });

  test('start the pods of their service anew when they change, and no others', () => {
    const annotations = (threads: number, kind: string, name: string) =>
      one(render({ scorer: { settings: { threads } } }), kind, name).spec.template.metadata.annotations;
    expect(annotations(3, 'Deployment', 'scorer')).not.toEqual(annotations(2, 'Deployment', 'scorer'));
    expect(annotations(3, 'StatefulSet', 'optimizer')).toEqual(annotations(2, 'StatefulSet', 'optimizer'));
  });
});
