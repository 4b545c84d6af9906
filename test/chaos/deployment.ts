import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OwnBroker, startOwnKafka } from '../kafka/broker.ts';
import { freePort } from '../support/free-port.ts';
import type { ServiceEvent, ServiceProcess } from '../support/processes.ts';
import { LINKS, type LinkName, SERVICES, type ServiceName } from './faults.ts';
import { SupervisedService, type UnexpectedEnd } from './supervisor.ts';
import { TcpProxy } from './tcp-proxy.ts';

const PRELOAD = join(import.meta.dirname, 'shifted-clock.ts');
/** An operator of a tiny model would not wait a quarter of an hour for a shard of it. */
const SHARD_TIMEOUT_SECONDS = 10;

export interface DeploymentOptions {
  /** For small files of the deployment's own. */
  readonly folder: string;
  readonly model: string;
  /** File with the settings of the run. */
  readonly config: string;
  /** The optimizer's volume. */
  readonly state: string;
  readonly topicPrefix: string;
  readonly checkpointEvery: number;
  /** 0: partial batches wait for the end of the data. */
  readonly lingerMs: number;
  readonly onEvent: (service: ServiceName, event: ServiceEvent) => void;
  readonly onEnd: (end: UnexpectedEnd) => void;
}

/** A real broker and all services as supervised processes, every connection between them through a proxy. */
export class Deployment implements AsyncDisposable {
  readonly broker: OwnBroker;
  readonly #options: DeploymentOptions;
  readonly #links: ReadonlyMap<LinkName, TcpProxy>;
  readonly #services = new Map<ServiceName, SupervisedService>();
  readonly #owned: AsyncDisposableStack;
  /** The broker goes down and up one time after the other. */
  #brokerBusy: Promise<unknown> = Promise.resolve();

  private constructor(
    options: DeploymentOptions,
    broker: OwnBroker,
    links: ReadonlyMap<LinkName, TcpProxy>,
    owned: AsyncDisposableStack,
  ) {
    this.#options = options;
    this.broker = broker;
    this.#links = links;
    this.#owned = owned;
  }

  /** Starts broker, proxies and services, and waits until all services have said that they are up. */
  static async start(options: DeploymentOptions): Promise<Deployment> {
    await using opened = new AsyncDisposableStack();
    const ports = new Map<string, number>();
    for (const name of SERVICES) ports.set(name, await freePort());
    const links = new Map<LinkName, TcpProxy>();
    const listeners: { port: number; advertisedPort: number }[] = [];
    for (const name of LINKS) {
      const server = name.slice(name.indexOf('→') + 2);
      const port = ports.get(server) ?? (await freePort());
      const proxy = opened.use(await TcpProxy.start(port));
      links.set(name, proxy);
      if (server === 'kafka') listeners.push({ port, advertisedPort: proxy.port });
    }
    const broker = opened.use(await startOwnKafka(listeners));
    const deployment = new Deployment(options, broker, links, opened.move());
    await using starting = new AsyncDisposableStack();
    starting.use(deployment);
    for (const name of SERVICES) await deployment.#start(name, ports.get(name) as number);
    for (const name of SERVICES) await deployment.service(name).current.address();
    starting.move();
    return deployment;
  }

  service(name: ServiceName): SupervisedService {
    return this.#services.get(name) as SupervisedService;
  }

  link(name: LinkName): TcpProxy {
    return this.#links.get(name) as TcpProxy;
  }

  /** Where the optimizer can be called undisturbed. */
  async optimizerAddress(): Promise<string> {
    return this.service('optimizer').current.address();
  }

  /** Takes the broker down for a while. */
  async restartBroker(signal: 'SIGKILL' | 'SIGTERM', downMs: number): Promise<void> {
    const work = this.#brokerBusy.then(async () => {
      await this.broker.kill(signal);
      await sleep(downMs);
      await this.broker.restart();
    });
    this.#brokerBusy = work.catch(() => {});
    await work;
  }

  /** Moves the clock of a service, for its next processes too. */
  async moveClock(name: ServiceName, shiftMs: number): Promise<void> {
    await writeFile(this.#clockFile(name), `${shiftMs}`);
    const { current } = this.service(name);
    // A process that is starting has no handler yet, and the signal would end it.
    await current.address().then(
      () => current.signal('SIGUSR2'),
      () => {},
    );
  }

  /** The optimizer hangs, and another one is started in its place. Returns the one that hangs; it is the caller's. */
  async replaceOptimizer(): Promise<ServiceProcess> {
    const { current } = this.service('optimizer');
    current.signal('SIGSTOP');
    this.#owned.use(await this.service('optimizer').abandon());
    const port = await freePort();
    for (const [name, link] of this.#links) if (name.endsWith('→ optimizer')) link.retarget(port);
    await this.#start('optimizer', port);
    return current;
  }

  /** Asks all services to end. Their exit codes by name; those that don't end in time are null. */
  async stop(timeoutMs: number): Promise<Record<string, number | null>> {
    const late = sleep(timeoutMs, null, { ref: false });
    const codes = [...this.#services].map(async ([name, service]) => {
      return [name, await Promise.race([service.stop(), late])] as const;
    });
    return Object.fromEntries(await Promise.all(codes));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  async #start(name: ServiceName, port: number): Promise<void> {
    const clock = this.#clockFile(name);
    if (!this.#services.has(name)) await writeFile(clock, '0');
    const { onEvent, onEnd } = this.#options;
    const service = new SupervisedService({
      name,
      args: [...this.#arguments(name), '--address', `127.0.0.1:${port}`],
      process: {
        environment: { ALPHAPO_CHAOS_CLOCK: clock },
        preload: [PRELOAD],
        onEvent: (event) => onEvent(name, event),
      },
      onEnd,
    });
    this.#services.set(name, this.#owned.use(service));
  }

  #arguments(name: ServiceName): string[] {
    const { model, config, state, topicPrefix, checkpointEvery, lingerMs } = this.#options;
    const address = (link: LinkName) => this.link(link).address;
    switch (name) {
      case 'tokenizer-1':
      case 'tokenizer-2':
        return [
          ...['serve', 'tokenizer', '--model', model, '--run', config, '--linger-ms', `${lingerMs}`],
          ...['--brokers', address(`${name} → kafka`), '--topic-prefix', topicPrefix],
        ];
      case 'optimizer':
        return [
          ...['serve', 'optimizer', '--model', model, '--run', config, '--folder', state],
          ...[
            '--scorers',
            LINKS.filter((link) => link.startsWith('optimizer → scorer'))
              .map(address)
              .join(),
          ],
          ...['--checkpoint-every', `${checkpointEvery}`, '--shard-timeout-seconds', `${SHARD_TIMEOUT_SECONDS}`],
          ...['--brokers', address('optimizer → kafka'), '--topic-prefix', topicPrefix],
        ];
      default:
        return [
          ...['serve', 'scorer', '--model', model, '--threads', '1', '--optimizer', address(`${name} → optimizer`)],
        ];
    }
  }

  #clockFile(name: ServiceName): string {
    return join(this.#options.folder, `clock-${name}`);
  }
}
