import { execFileSync } from 'node:child_process';
import { HELM, isOnPath, type Resource, render, template } from './helm.ts';
import { VARIANTS } from './variants.ts';

/** What Kubernetes itself says of the resources: its published schemas, and a cluster where KUBECONFIG names one. */

const schemas = process.env.KUBECONFORM_SCHEMAS;
const CUSTOM = ['ServiceMonitor', 'PrometheusRule', 'ScaledObject', 'TriggerAuthentication', 'Certificate'];

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

const cluster = isOnPath(HELM) && isOnPath('kubectl') && process.env.KUBECONFIG !== undefined;
(cluster ? describe : describe.skip)(
  `a cluster's API${cluster ? '' : ' (skipped: needs helm and kubectl on the PATH, and KUBECONFIG)'}`,
  () => {
    test.each(VARIANTS)('takes every resource: %s', (_, values, files) => {
      const known = render(values, files).filter(({ kind }: Resource) => !CUSTOM.includes(kind));
      const items = known.map((resource) => ({
        ...resource,
        metadata: { ...resource.metadata, namespace: 'default' },
      }));
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
      const said = execFileSync('kubectl', ['apply', '--dry-run=server', '-f', '-'], { input: list, encoding: 'utf8' });
      expect(said.trim().split('\n')).toHaveLength(known.length);
    });
  },
);
