import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Kubectl } from './kubectl.ts';

/** A way from this machine to a Service of the cluster, through the Kubernetes API; disposing closes it. */
export class PortForward implements AsyncDisposable {
  /** Its end here, as `host:port`. */
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(address: string, child: ChildProcess) {
    this.address = address;
    this.#child = child;
  }

  static async open({ namespace }: Kubectl, service: string, port: number): Promise<PortForward> {
    const child = spawn('kubectl', ['-n', namespace, 'port-forward', `service/${service}`, `:${port}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaint = '';
    child.stderr.on('data', (bytes) => {
      complaint += bytes;
    });
    for await (const line of createInterface({ input: child.stdout })) {
      const [, local] = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
      if (local !== undefined) return new PortForward(`localhost:${local}`, child);
    }
    throw new Error(`kubectl port-forward service/${service} ended: ${complaint}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const closed = once(this.#child, 'exit');
    this.#child.kill();
    await closed;
  }
}
