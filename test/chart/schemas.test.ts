import { execFileSync } from 'node:child_process';
import { HELM, isOnPath, template } from './helm.ts';
import { CUSTOM, VARIANTS } from './variants.ts';

/** What Kubernetes itself says of the resources: its published schemas. `npm run test:kubernetes` asks a cluster. */

const schemas = process.env.KUBECONFORM_SCHEMAS;

const program = isOnPath(HELM) && isOnPath('kubeconform') && schemas !== undefined;
(program ? describe : describe.skip)(
  `schemas of Kubernetes${program ? '' : ' (skipped: needs helm and kubeconform on the PATH, and KUBECONFORM_SCHEMAS, its -schema-location)'}`,
  () => {
    test.each(VARIANTS)('fit every resource: %s', (_, values, files) => {
      const options = ['-strict', '-summary', '-schema-location', schemas as string, '-skip', CUSTOM.join(',')];
      const said = execFileSync('kubeconform', options, { input: template(values, files), encoding: 'utf8' });
      expect(said).toContain('Invalid: 0, Errors: 0');
    });
  },
);
