import { readFileSync } from 'node:fs';
import { descriptorSetFile } from '@alphapo/contracts';
import {
  logVerbosity,
  Server,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { countingCalls } from './call-metrics.ts';
import type { Handlers, Method } from './handlers.ts';
import { offerInProcess } from './in-process.ts';
import { DEFAULT_LIMITS, KEEPALIVE, MAX_MESSAGE_BYTES, type ServerLimits } from './limits.ts';
import { Listener } from './listener.ts';
import { sheddingLoad } from './load-shedding.ts';
import { withBoundedRequests } from './request-decoder.ts';
import { authorizing } from './security/authorization.ts';
import { RpcSecurity } from './security/rpc-security.ts';
import { withTensorCodec } from './tensor-codec.ts';

/** A service of a server: its definition from the generated code, and its methods by their names there. */
export interface Service {
  readonly definition: ServiceDefinition;
  readonly implementation: Readonly<Record<string, Method>>;
}

export interface ServerOptions {
  /** Host and port, e.g. `0.0.0.0:50051`; port 0 takes a free one. */
  readonly address: string;
  readonly services: readonly Service[];
  /** The handlers that the services were made with: a graceful stop waits for their calls. */
  readonly handlers: Handlers;
  /** How long a graceful stop waits for running calls, in milliseconds. */
  readonly drainMs?: number;
  /** Certificates and access; plaintext and open to everybody where absent. */
  readonly security?: RpcSecurity | undefined;
  readonly limits?: Partial<ServerLimits>;
}

const DRAIN_MS = 30_000;
const FLUSH_MS = 500;

// grpc-js writes its own lines to standard error; what matters comes back as errors.
setLogVerbosity(logVerbosity.NONE);

/** A listening gRPC server with health checking (grpc.health.v1) and reflection. */
export class RpcServer implements AsyncDisposable {
  /** Host and port that clients connect to. */
  readonly address: string;
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #health: HealthImplementation;
  readonly #offer: Disposable;
  readonly #options: ServerOptions;

  private constructor(parts: {
    server: Server;
    listener: Listener;
    health: HealthImplementation;
    address: string;
    offer: Disposable;
    options: ServerOptions;
  }) {
    this.#server = parts.server;
    this.#listener = parts.listener;
    this.#health = parts.health;
    this.address = parts.address;
    this.#offer = parts.offer;
    this.#options = parts.options;
  }

  /** Errors: INVALID_ADDRESS, ADDRESS_IN_USE and CANNOT_LISTEN with the address; INVALID_CONFIGURATION of `security`. */
  static async start(options: ServerOptions): Promise<RpcServer> {
    const { security = RpcSecurity.none } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const server = new Server({
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_concurrent_streams': limits.callsPerConnection,
      'grpc.max_connection_idle_ms': limits.idleMs,
      ...KEEPALIVE,
      interceptors: [
        countingCalls(),
        sheddingLoad(limits),
        ...(security.access === undefined ? [] : [authorizing(security.access)]),
      ],
    });
    const names = options.services.map(({ definition }) => serviceName(definition));
    const health = new HealthImplementation(Object.fromEntries(['', ...names].map((name) => [name, 'SERVING'])));
    for (const { definition, implementation } of options.services) {
      const methods = Object.entries(implementation).map(([name, { serve }]) => [name, serve]);
      server.addService(
        withBoundedRequests(withTensorCodec(definition)),
        Object.fromEntries(methods) as UntypedServiceImplementation,
      );
    }
    health.addToServer(server);
    new ReflectionService(loadFileDescriptorSetFromBuffer(readFileSync(descriptorSetFile)), {
      services: names,
    }).addToServer(server);
    const injector = server.createConnectionInjector(security.serverCredentials());
    const listener = await Listener.open(options.address, {
      connections: limits.connections,
      onConnection: (socket) => injector.injectConnection(socket),
    });
    const host = options.address.slice(0, options.address.lastIndexOf(':'));
    const address = `${host}:${listener.port}`;
    const offer = offerInProcess(
      address,
      Object.assign({}, ...options.services.map((service) => service.implementation)),
    );
    return new RpcServer({ server, listener, health, address, offer, options });
  }

  /** What health checks answer for the whole server. */
  setServing(serving: boolean): void {
    const names = ['', ...this.#options.services.map(({ definition }) => serviceName(definition))];
    for (const name of names) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** Takes no new calls, lets running ones end within the drain time, then cuts what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.setServing(false);
    this.#offer[Symbol.dispose]();
    const ended = this.#listener.close();
    this.#server.tryShutdown(() => {});
    await within(this.#options.drainMs ?? DRAIN_MS, this.#options.handlers.idle());
    // The last answers are on their way; streams that never end by themselves (health watches) are cut.
    await within(FLUSH_MS, ended);
    this.#server.forceShutdown();
  }
}

function serviceName(definition: ServiceDefinition): string {
  const [method] = Object.values(definition);
  return method?.path.split('/')[1] ?? '';
}

/** Waits for something, but no longer than this. */
async function within(timeMs: number, event: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeMs);
  });
  await Promise.race([event, over]);
  clearTimeout(timer);
}
