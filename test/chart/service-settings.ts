import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVICES } from '@alphapo/cli/services';
import { readSettingsFile, refuseUnknownSettings, resolveSettings, type SettingSources } from '@alphapo/settings';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { environmentOf, NAMESPACE, one, type Resource } from './helm.ts';

/** Where a rendered service finds its settings: its environment, and the file that its arguments name. */
async function sourcesOf(resources: readonly Resource[], service: string): Promise<SettingSources> {
  const workload = one(resources, service === 'optimizer' ? 'StatefulSet' : 'Deployment', service);
  // What the cluster fills in.
  const environment = { ALPHAPO_NAMESPACE: NAMESPACE, ALPHAPO_POD_NAME: 'pod', ...environmentOf(workload) };
  const { containers, volumes } = workload.spec.template.spec;
  const [container] = containers;
  const [path] = container.args.flatMap((arg: string) => (arg.startsWith('--config=') ? [arg.slice(9)] : []));
  if (path === undefined) return { environment };
  const { mountPath } = container.volumeMounts.find((mount: Resource) => path.startsWith(`${mount.mountPath}/`));
  const mounted = container.volumeMounts.find((mount: Resource) => mount.mountPath === mountPath).name;
  const { configMap } = volumes.find((volume: Resource) => volume.name === mounted);
  const { data } = resources.find((r) => r.kind === 'ConfigMap' && r.metadata.name === configMap.name);
  const file = join(await temporaryFolder(), 'settings.yaml');
  await writeFile(file, data[path.slice(mountPath.length + 1)]);
  return { environment, file: await readSettingsFile(file) };
}

/** The settings of a rendered service as the service itself reads them. Throws as it would. */
export async function settingsOf(
  resources: readonly Resource[],
  service: string,
): Promise<Readonly<Record<string, unknown>>> {
  const { settings } = SERVICES[service] as (typeof SERVICES)[string];
  const sources = await sourcesOf(resources, service);
  if (sources.file !== undefined) refuseUnknownSettings(sources.file, settings);
  return resolveSettings(settings, sources);
}
