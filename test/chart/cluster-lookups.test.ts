import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { serveApi } from './api-server.ts';
import { CHART, describeHelm, HELM, NAMESPACE, one, podsOf, RELEASE, type Resource } from './helm.ts';

/** What the chart makes of what is in the cluster already. */

const run = promisify(execFile);
const LEAST = 'policy.steps=10,model.existingClaim.name=model,kafka.brokers={kafka:9092}';

/** What the chart comes to where a cluster holds some objects. Rejects with what Helm complains of. */
async function renderIn(objects: readonly Resource[], ...options: string[]): Promise<Resource[]> {
  await using api = await serveApi(objects);
  const place = ['--namespace', NAMESPACE, '--kube-version', '1.34.0', ...api.options];
  const { stdout } = await run(HELM, ['template', RELEASE, CHART, ...place, '--set', LEAST, ...options]);
  return parseAllDocuments(stdout).flatMap((document) => document.toJS() ?? []);
}

const claim = (...accessModes: string[]): Resource => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'model' },
  spec: { accessModes },
});

const NOTE = 'alphapo.dev/desired-replicas';
const WORKLOADS = [
  ['Deployment', 'tokenizer'],
  ['Deployment', 'scorer'],
  ['StatefulSet', 'optimizer'],
] as const;
const workloads = (note: string): Resource[] =>
  WORKLOADS.map(([kind, component]) => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: {
      name: `${RELEASE}-alphapo-${component}`,
      annotations: { [NOTE]: note, 'meta.helm.sh/release-name': 'trial' },
    },
    spec: { replicas: 2 },
  }));

describeHelm('with a cluster to look at', () => {
  const notesIn = (resources: readonly Resource[]) =>
    WORKLOADS.map(([kind, component]) => one(resources, kind, component).metadata.annotations?.[NOTE]);

  test.each(['builtin', 'hpa', 'none'])(
    'a note of what KEDA was told is emptied, and then left out: %s',
    async (mode) => {
      const options = ['--set', `autoscaling.mode=${mode}`];
      const notes = async (note: string) =>
        notesIn(await renderIn([claim('ReadWriteOnce'), ...workloads(note)], ...options));
      expect(await notes('3')).toEqual(['', '', '']);
      expect(await notes('')).toEqual([undefined, undefined, undefined]);
    },
  );

  test('the number of pods that the autoscaler has chosen stays', async () => {
    const resources = await renderIn([claim('ReadWriteOnce'), ...workloads('')]);
    expect(WORKLOADS.map(([kind, component]) => one(resources, kind, component).spec.replicas)).toEqual([2, 2, 2]);
  });

  test('a claim that is missing is refused by name', async () => {
    await expect(renderIn([])).rejects.toThrow('model.existingClaim.name: there is no PersistentVolumeClaim "model"');
  });

  test('files of an evaluation that are missing are refused by name', async () => {
    const options = ['--set', 'evaluation.configMap=held-out,evaluation.pairs=pairs.jsonl'];
    const files = (data: object): Resource => ({
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held-out' }, data },
    });
    const rendering = (...objects: Resource[]) => renderIn([claim('ReadWriteOnce'), ...objects], ...options);
    await expect(rendering()).rejects.toThrow('evaluation.configMap: there is no ConfigMap "held-out"');
    await expect(rendering(files({ 'pair.jsonl': '' }))).rejects.toThrow('has no key "pairs.jsonl"');
    expect(await rendering(files({ 'pairs.jsonl': '' }))).not.toHaveLength(0);
  });

  test.each([
    ['an install', 'ReadWriteOnce', true, []],
    ['an upgrade after a failed install', 'ReadWriteOnce', true, []],
    ['an upgrade', 'ReadWriteOnce', false, workloads('')],
    ['an upgrade', 'ReadWriteOncePod', false, workloads('')],
    ['an upgrade', 'ReadOnlyMany', true, workloads('')],
    ['an upgrade', 'ReadWriteMany', true, workloads('')],
  ])('the job that checks the specification mounts a claim at %s, %s: %s', async (when, mode, expected, live) => {
    const options = when === 'an install' ? [] : ['--is-upgrade'];
    const [job] = podsOf(await renderIn([claim(mode), ...live], ...options)).filter(({ name }) =>
      name.endsWith('-validate'),
    );
    expect(job?.spec.volumes.some(({ name }: Resource) => name === 'model')).toBe(expected);
  });
});
