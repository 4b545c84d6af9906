import type { Kubectl } from './kubectl.ts';

export const GPU = 'nvidia.com/gpu';
const TAINT = `${GPU}=present:NoSchedule`;

/**
 * A node without GPUs that is made to look like one with some: pods are given places on it, and find no GPU there. Disposing
 * makes it what it was. Throws where the cluster's first node has GPUs already.
 */
export class GpuNode implements AsyncDisposable {
  readonly name: string;
  /** The label that selects this node. */
  readonly selector: Readonly<Record<string, string>>;
  readonly #kubectl: Kubectl;
  #tainted = false;

  private constructor(kubectl: Kubectl, name: string, hostname: string) {
    this.#kubectl = kubectl;
    this.name = name;
    this.selector = { 'kubernetes.io/hostname': hostname };
  }

  static async choose(kubectl: Kubectl): Promise<GpuNode> {
    const [{ metadata, status }] = (await kubectl.get('nodes')).items;
    if (status.capacity[GPU] !== undefined) throw new Error(`node ${metadata.name} has ${status.capacity[GPU]} ${GPU}`);
    return new GpuNode(kubectl, metadata.name, metadata.labels['kubernetes.io/hostname']);
  }

  /** So many GPUs from now on. */
  async offer(count: number): Promise<void> {
    await this.#setResource(`${count}`);
  }

  /** Only pods that tolerate it are placed here from now on, as on the GPU nodes of most clusters. */
  async taint(): Promise<void> {
    this.#tainted = true;
    await this.#kubectl.run('taint', 'node', this.name, TAINT);
  }

  async #setResource(quantity: string | null): Promise<void> {
    const status = { capacity: { [GPU]: quantity }, allocatable: { [GPU]: quantity } };
    const what = ['patch', 'node', this.name, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
    await this.#kubectl.run(...what);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#tainted) await this.#kubectl.run('taint', 'node', this.name, `${TAINT}-`);
    } finally {
      await this.#setResource(null);
    }
  }
}
