import { execFileSync } from 'node:child_process';
import { IMAGE, TAG } from './images.ts';
import { Kubectl, podSpec, until } from './kubectl.ts';
import { CLIENT, MODEL_CLAIM, MODEL_PATH, NAME, notes } from './release.ts';

const ALPHAPO = `${IMAGE}:${TAG}`;
const START_SECONDS = 300;

/** An event that a service logged. */
type Event = Readonly<Record<string, unknown>> & { readonly event: string };

/** The trial's namespace, and what is asked of it. */
export class Cluster {
  readonly kubectl: Kubectl;
  readonly image = ALPHAPO;
  /** The labels of pods that may call the services. */
  readonly clientLabels = CLIENT;

  constructor(namespace: string) {
    this.kubectl = new Kubectl(namespace);
  }

  /** A namespace that admits nothing but pods of the standard "restricted". */
  async makeNamespace(): Promise<void> {
    const { namespace } = this.kubectl;
    this.kubectl.apply({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
    await until('the default service account', 60, () => this.kubectl.get('serviceaccount', 'default'));
  }

  async removeNamespace(): Promise<void> {
    await this.kubectl.run('delete', 'namespace', this.kubectl.namespace, '--wait=true', '--timeout=180s');
  }

  claimModel(): void {
    this.kubectl.apply({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: MODEL_CLAIM },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '256Mi' } } },
    });
  }

  /** A claim with a small random model, the same as `alphapo init-model` makes anywhere. */
  async makeModel(): Promise<void> {
    this.claimModel();
    const pod = {
      name: 'init-model',
      image: ALPHAPO,
      args: ['init-model', `/models/${MODEL_PATH}`],
      claim: MODEL_CLAIM,
    };
    this.kubectl.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: pod.name }, spec: podSpec(pod) });
    await this.kubectl.run('wait', `pod/${pod.name}`, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=180s');
    await this.kubectl.run('delete', 'pod', pod.name);
  }

  /** Runs `alphapo …` in a pod that may call the services and Kafka, with Secrets below /secrets; returns what it printed. */
  alphapo(name: string, args: readonly string[], secrets: readonly string[] = []): Promise<string> {
    return this.kubectl.runPod({ name, image: ALPHAPO, args, labels: CLIENT, secrets });
  }

  /** Sends pairs with the command that the chart’s notes give. */
  async produce(folder: string): Promise<void> {
    const [command] = /kubectl [^<]*<pairs\.jsonl/.exec(notes(this.kubectl.namespace)) ?? [];
    if (command === undefined) throw new Error('the notes of the chart have no command that sends pairs');
    execFileSync('sh', ['-ec', command], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  }

  /** Events of the optimizer, of the pod that is there now. */
  async events(): Promise<Event[]> {
    const log = await this.kubectl.run('logs', `${NAME}-optimizer-0`).catch(() => '');
    return log.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as Event];
      } catch {
        return [];
      }
    });
  }

  /** Waits for a step to be taken, as long as there is progress: how fast steps are depends on the machine. */
  async step(step: number): Promise<void> {
    let before = -1;
    for (;;) {
      const last = await until(`a step after ${before}, on the way to ${step}`, START_SECONDS, async () => {
        const taken = (await this.events()).filter(({ event }) => event === 'step.taken' || event === 'run.finished');
        const newest = Math.max(-1, ...taken.map((event) => Number(event.step)));
        return newest > before ? newest : undefined;
      });
      if (last >= step) return;
      before = last;
    }
  }

  /** Step after which the optimizer that is there now took up the run. */
  async takenUpAfter(): Promise<number> {
    return Number((await this.events()).find(({ event }) => event === 'optimizer.started')?.step);
  }

  /** Waits for so many ready pods of a component. */
  ready(component: string, count: number): Promise<string[]> {
    return until(`${count} ready pods of ${component}`, START_SECONDS, async () => {
      const pods = await this.kubectl.readyPods(component);
      return pods.length >= count ? pods : undefined;
    });
  }

  /** Waits until a component has no pods. */
  async gone(component: string): Promise<void> {
    await until(`${component} at zero`, START_SECONDS, async () =>
      (await this.kubectl.pods(component)).length === 0 ? true : undefined,
    );
  }

  /** Deletes a pod as a lost node would: at once, without asking it. */
  async lose(pod: string): Promise<void> {
    await this.kubectl.run('delete', 'pod', pod, '--grace-period=0', '--force', '--wait=false');
  }

  /** The bytes of a file in the optimizer's pod. */
  optimizerFile(path: string): Promise<Buffer> {
    return this.kubectl.bytes('exec', `${NAME}-optimizer-0`, '--', 'cat', path);
  }
}
