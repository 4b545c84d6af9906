import { execFile, execFileSync, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
const POLL_MS = 500;

// biome-ignore lint/suspicious/noExplicitAny: single fields of any kind of resource are looked at
type Resource = any;

/** kubectl in one namespace of the cluster that KUBECONFIG names. */
export class Kubectl {
  readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** Standard output of a command. Rejects with what kubectl says. */
  async run(...args: string[]): Promise<string> {
    const { stdout } = await execute('kubectl', ['-n', this.namespace, ...args], { maxBuffer: MAX_OUTPUT_BYTES });
    return stdout;
  }

  async bytes(...args: string[]): Promise<Buffer> {
    const { stdout } = await execute('kubectl', ['-n', this.namespace, ...args], {
      maxBuffer: MAX_OUTPUT_BYTES,
      encoding: 'buffer',
    });
    return stdout;
  }

  async get(...args: string[]): Promise<Resource> {
    return JSON.parse(await this.run('get', ...args, '-o', 'json'));
  }

  apply(resource: object): void {
    execFileSync('kubectl', ['-n', this.namespace, 'apply', '-f', '-'], {
      input: JSON.stringify(resource),
      stdio: ['pipe', 'ignore', 'inherit'],
    });
  }

  /** The metrics that a pod serves, as text. */
  metrics(pod: string): Promise<string> {
    return this.run('get', '--raw', `/api/v1/namespaces/${this.namespace}/pods/${pod}:9464/proxy/metrics`);
  }

  /** Names of a component's pods that are ready. */
  async readyPods(component: string): Promise<string[]> {
    const { items } = await this.get('pods', '-l', `app.kubernetes.io/component=${component}`);
    return items
      .filter(
        ({ metadata, status }: Resource) =>
          metadata.deletionTimestamp === undefined &&
          status.conditions?.some(({ type, status: is }: Resource) => type === 'Ready' && is === 'True'),
      )
      .map(({ metadata }: Resource) => metadata.name);
  }

  /** Names of a component's pods, in whatever state. */
  async pods(component: string): Promise<string[]> {
    const { items } = await this.get('pods', '-l', `app.kubernetes.io/component=${component}`);
    return items.map(({ metadata }: Resource) => metadata.name);
  }

  /** Runs a pod to its end with text on its standard input; returns what it printed. Throws where it failed. */
  async runPod(pod: Pod, input = ''): Promise<string> {
    const overrides = JSON.stringify({ spec: podSpec(pod) });
    const args = ['run', pod.name, '--rm', '-i', '--quiet', '--restart=Never', `--image=${pod.image}`];
    const labels = Object.entries(pod.labels ?? {}).map(([key, value]) => `${key}=${value}`);
    if (labels.length > 0) args.push(`--labels=${labels.join(',')}`);
    const child = spawn('kubectl', ['-n', this.namespace, ...args, '--overrides', overrides]);
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.stdin.end(input);
    const code = await new Promise((resolve) => child.once('close', resolve));
    const text = Buffer.concat(output).toString();
    if (code !== 0) throw new Error(`the pod ${pod.name} failed with ${code}: ${text.slice(-2000)}`);
    return text;
  }
}

/** A pod that runs one command of the image. */
export interface Pod {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly command?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** A claim, mounted at /models. */
  readonly claim?: string;
  /** Secrets, each mounted at /secrets/NAME. */
  readonly secrets?: readonly string[];
}

/** What the Pod Security Standard "restricted" wants of a pod. */
export const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: 1000,
  fsGroup: 1000,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** What it wants of a container. */
export const CONTAINER_SECURITY = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

/** The specification of a pod that the Pod Security Standard "restricted" admits. */
export function podSpec({ name, image, args, command, claim, secrets = [] }: Pod): object {
  const models = { name: 'models', persistentVolumeClaim: { claimName: claim } };
  return {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: POD_SECURITY,
    containers: [
      {
        name,
        image,
        args,
        ...(command && { command }),
        stdin: true,
        stdinOnce: true,
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [
          ...(claim === undefined ? [] : [{ name: models.name, mountPath: '/models' }]),
          ...secrets.map((secret) => ({ name: secret, mountPath: `/secrets/${secret}` })),
        ],
      },
    ],
    volumes: [
      ...(claim === undefined ? [] : [models]),
      ...secrets.map((secret) => ({ name: secret, secret: { secretName: secret } })),
    ],
  };
}

/** Waits until a question has an answer. Throws after the time, with the last answer's place in the message. */
export async function until<T>(what: string, seconds: number, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    let problem = '';
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      problem = String((error as { stderr?: string }).stderr ?? error);
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s ${problem}`);
    await sleep(POLL_MS);
  }
}
