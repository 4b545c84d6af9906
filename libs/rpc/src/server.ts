import { within } from '@alphapo/base';
import { logVerbosity, Server, setLogVerbosity, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { countingCalls } from './call-metrics.ts';
import { grpcDefinition, type ProtoService } from './definition.ts';
import type { Handlers, Method } from './handlers.ts';
import { Health } from './health.ts';
import { offerInProcess } from './in-process.ts';
import { DEFAULT_LIMITS, KEEPALIVE, MAX_MESSAGE_BYTES, type ServerLimits } from './limits.ts';
import { Listener } from './listener.ts';
import { sheddingLoad } from './load-shedding.ts';
import { addReflection } from './reflection.ts';
import { withBoundedRequests } from './request-decoder.ts';
import { authorizing } from './security/authorization.ts';
import { RpcSecurity } from './security/rpc-security.ts';
import { withTensorCodec } from './tensor-codec.ts';

/** A service of a server: its definition from the generated code, and its methods by their names there. */
export interface Service {
  readonly definition: ProtoService;
  readonly implementation: Readonly<Record<string, Method>>;
}

export interface ServerOptions {
  /** Host and port, e.g. `0.0.0.0:50051`; port 0 takes a free one. */
  readonly address: string;
  readonly services: readonly Service[];
  /** The handlers that the services were made with: a graceful stop waits for their calls. */
  readonly handlers: Handlers;
  /** How long a graceful stop waits for running calls, in milliseconds. */
  readonly drainMs?: number | undefined;
  /** Certificates and access; plaintext and open to everybody where absent. */
  readonly security?: RpcSecurity | undefined;
  readonly limits?: Partial<ServerLimits>;
}

const HEALTH_SERVICE = 'grpc.health.v1.Health';
const DRAIN_MS = 30_000;
const FLUSH_MS = 500;

// grpc-js writes its own lines to standard error; what matters comes back as errors.
setLogVerbosity(logVerbosity.NONE);

/** A listening gRPC server with health checking (grpc.health.v1) and reflection. */
export class RpcServer implements AsyncDisposable {
  readonly #listener: Listener;
  readonly #health: Health;
  readonly #offer: Disposable;
  readonly #options: ServerOptions;

  private constructor(parts: { listener: Listener; health: Health; offer: Disposable; options: ServerOptions }) {
    this.#listener = parts.listener;
    this.#health = parts.health;
    this.#offer = parts.offer;
    this.#options = parts.options;
  }

  /** Host and port that clients connect to. */
  get address(): string {
    return this.#listener.address;
  }

  /** Host and port of health checks in plaintext, where the security has such a port. */
  get healthAddress(): string | undefined {
    return this.#health.address;
  }

  /** Errors: INVALID_ADDRESS, ADDRESS_IN_USE and CANNOT_LISTEN with the address; INVALID_CONFIGURATION of `security`. */
  static async start(options: ServerOptions): Promise<RpcServer> {
    using opened = new DisposableStack();
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
    const names = options.services.map(({ definition }) => definition.fullName);
    for (const { definition, implementation } of options.services) {
      const methods = Object.entries(implementation).map(([name, { serve }]) => [name, serve]);
      server.addService(
        withBoundedRequests(withTensorCodec(grpcDefinition(definition))),
        Object.fromEntries(methods) as UntypedServiceImplementation,
      );
    }
    const health = opened.use(await Health.open(names, security.healthAddress, limits));
    health.addTo(server);
    addReflection(server, [...names, HEALTH_SERVICE]);
    const credentials = security.serverCredentials();
    const { connections } = limits;
    const listener = opened.use(await Listener.open(options.address, server, { credentials, connections }));
    const offer = offerInProcess(
      listener.address,
      Object.assign({}, ...options.services.map((service) => service.implementation)),
    );
    opened.move();
    return new RpcServer({ listener, health, offer, options });
  }

  /** What health checks answer for the whole server. */
  setServing(serving: boolean): void {
    this.#health.setServing(serving);
  }

  /** Takes no new calls, lets running ones end within the drain time, then cuts what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.setServing(false);
    this.#offer[Symbol.dispose]();
    const ended = this.#listener.close();
    await within(this.#options.drainMs ?? DRAIN_MS, this.#options.handlers.idle(), () => {});
    // The last answers are on their way; streams that never end by themselves (health watches) are cut.
    await within(FLUSH_MS, ended, () => {});
    this.#listener[Symbol.dispose]();
    this.#health[Symbol.dispose]();
  }
}
