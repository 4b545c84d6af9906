import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processMemoryMb } from '../../test/support/process-memory.ts';
import { ServiceProcess } from '../../test/support/processes.ts';

/** Rounds of looking and failing go by meanwhile. */
const WATCHED_MS = 10_000;

/** Peak resident memory of an autoscaler in MB, whose cluster does not answer: what it is without calls that wait. */
export async function measureAutoscaler(folder: string): Promise<number> {
  const kubeconfig = join(folder, 'kubeconfig.json');
  const named = (kind: string, content: object) => ({ name: 'nowhere', [kind]: content });
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'nowhere' },
    clusters: [named('cluster', { server: 'http://127.0.0.1:1' })],
    users: [named('user', {})],
    contexts: [named('context', { cluster: 'nowhere', user: 'nowhere' })],
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const workloads = ['tokenizer', 'scorer'].flatMap((name) => [`--${name}-workload`, `deployment/${name}`]);
  await using service = new ServiceProcess(
    [
      ...['serve', 'autoscaler', ...workloads, '--optimizer-workload', 'statefulset/optimizer', '--namespace', 'none'],
      ...['--optimizer', '127.0.0.1:1', '--scorers', '127.0.0.1:1', '--lease', 'none', '--address', '127.0.0.1:0'],
      ...['--log', join(folder, 'autoscaler.sqlite')],
    ],
    { environment: { KUBECONFIG: kubeconfig } },
  );
  await service.address();
  await sleep(WATCHED_MS);
  return processMemoryMb(service.pid as number, 'peak');
}
