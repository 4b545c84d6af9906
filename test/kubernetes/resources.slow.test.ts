import { execFileSync } from 'node:child_process';
import { HELM, isOnPath, type Resource, render } from '../chart/helm.ts';
import { CUSTOM, VARIANTS } from '../chart/variants.ts';
import { hasCluster } from './namespace.ts';

/** What a real API server says of every resource of the chart, field by field. Nothing is made. Without KUBECONFIG: skipped. */

const kubectl = (args: readonly string[], input = '') => execFileSync('kubectl', args, { input, encoding: 'utf8' });

const usable = hasCluster && isOnPath(HELM) && isOnPath('kubectl');
const known = new Set(usable ? kubectl(['api-resources', '--no-headers']).match(/\S+$/gm) : []);
const unknown = CUSTOM.filter((kind) => !known.has(kind));

(usable ? describe : describe.skip)('the API of a real cluster', () => {
  test.each(VARIANTS)('takes every resource: %s', (_, values, files) => {
    const resources = render(values, files).filter(({ kind }: Resource) => !unknown.includes(kind));
    const items = resources.map((resource) => ({
      ...resource,
      metadata: { ...resource.metadata, namespace: 'default' },
    }));
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const said = kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], list);
    expect(said.trim().split('\n')).toHaveLength(items.length);
  });

  const found = unknown.length === 0 ? test : test.skip;
  found(`knows all kinds of the chart (${unknown.join(', ') || 'all'}: test/kubernetes/crds.sh)`, () => {
    const kinds = new Set(VARIANTS.flatMap(([, values, files]) => render(values, files).map(({ kind }) => kind)));
    expect([...kinds].filter((kind) => !known.has(kind))).toEqual([]);
    expect([...CUSTOM].filter((kind) => !kinds.has(kind))).toEqual([]);
  });

  test('refuses a field that it does not know', () => {
    const [resource] = render().filter(({ kind }) => kind === 'Deployment');
    resource.metadata.namespace = 'default';
    resource.spec.replica = 1;
    const applying = () =>
      kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], JSON.stringify(resource));
    expect(applying).toThrow('spec.replica');
  });
});
