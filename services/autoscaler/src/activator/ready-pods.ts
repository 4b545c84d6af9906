import { HealthClient, type RpcSecurity } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import type { Called } from './waker.ts';

/** Pods are looked up, and asked how they are, no more often than this. */
const LOOK_EVERY_MS = 500;
const HEALTH_MS = 2_000;

interface Pod<Connection> {
  readonly connection: Connection;
  readonly health: HealthClient;
  /** It said that it serves, when it was asked last. */
  serving: boolean;
  calls: number;
  /** It is not among the addresses any more; it goes when its last call has ended. */
  gone: boolean;
}

/** A pod for one call. */
export interface ChosenPod<Connection> extends Disposable {
  readonly connection: Connection;
  /** It failed: it is asked how it is, and gets further calls if it says that it serves. */
  failed(): Promise<void>;
}

export interface ReadyPodsOptions<Connection> {
  readonly component: Called;
  /** Host and port of each pod that is ready. */
  readonly discover: () => Promise<readonly string[]>;
  /** What calls to the pod at an address are made with. */
  readonly connect: (address: string) => Connection;
  readonly security: RpcSecurity | undefined;
  readonly logger: Logger<AutoscalerEvents>;
}

/** The pods of a component that are ready. They are only looked for while somebody needs one. */
export class ReadyPods<Connection extends Disposable> implements Disposable {
  readonly #options: ReadyPodsOptions<Connection>;
  readonly #pods = new Map<string, Pod<Connection>>();
  #looking: Promise<void> | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReadyPodsOptions<Connection>) {
    this.#options = options;
  }

  /** The serving pod with the fewest calls; undefined if there is none. */
  choose(): ChosenPod<Connection> | undefined {
    this.#look();
    const serving = [...this.#pods].filter(([, pod]) => pod.serving && !pod.gone);
    const [first, ...others] = serving;
    if (first === undefined) return undefined;
    const [address, pod] = others.reduce((least, next) => (next[1].calls < least[1].calls ? next : least), first);
    // The next call with as many to choose from goes to another one.
    this.#pods.delete(address);
    this.#pods.set(address, pod);
    pod.calls++;
    return {
      connection: pod.connection,
      failed: () => this.#ask(pod),
      [Symbol.dispose]: () => {
        pod.calls--;
        if (pod.gone && pod.calls === 0) this.#close(pod);
      },
    };
  }

  /** Resolves when the pods have been looked up lately: after a pause there may be some that are not known yet. */
  async looked(): Promise<void> {
    this.#look();
    await this.#looking;
  }

  [Symbol.dispose](): void {
    for (const pod of this.#pods.values()) this.#close(pod);
    this.#pods.clear();
  }

  #look(): void {
    if (this.#looking !== undefined || performance.now() - this.#lookedAtMs < LOOK_EVERY_MS) return;
    this.#looking = this.#lookNow().finally(() => {
      this.#lookedAtMs = performance.now();
      this.#looking = undefined;
    });
  }

  /** Where they cannot be looked up, those that are known are kept. */
  async #lookNow(): Promise<void> {
    const { component, discover, logger } = this.#options;
    try {
      this.#keep(new Set(await discover()));
    } catch (error) {
      logger.warn(component === 'scorer' ? 'scorer-discovery.failed' : 'sampler-discovery.failed', { error });
    }
    await Promise.all([...this.#pods.values()].map((pod) => this.#ask(pod)));
  }

  #keep(addresses: ReadonlySet<string>): void {
    const { connect, security } = this.#options;
    for (const [address, pod] of this.#pods) {
      if (addresses.has(address)) continue;
      pod.gone = true;
      this.#pods.delete(address);
      if (pod.calls === 0) this.#close(pod);
    }
    for (const address of addresses) {
      if (this.#pods.has(address)) continue;
      const health = new HealthClient(address, security);
      this.#pods.set(address, { connection: connect(address), health, serving: false, calls: 0, gone: false });
    }
  }

  async #ask(pod: Pod<Connection>): Promise<void> {
    const answer = await pod.health.check('', { timeoutMs: HEALTH_MS }).catch(() => 'UNREACHABLE');
    pod.serving = answer === 'SERVING';
  }

  #close({ connection, health }: Pod<Connection>): void {
    connection[Symbol.dispose]();
    health[Symbol.dispose]();
  }
}
