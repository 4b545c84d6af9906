import { readFileSync } from 'node:fs';
import { AlphapoError, messageOf } from '@alphapo/base';
import { descriptorSetFile } from '@alphapo/contracts';
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Handlers, Method } from './handlers.ts';
import { offerInProcess } from './in-process.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
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
  readonly #health: HealthImplementation;
  readonly #offer: Disposable;
  readonly #options: ServerOptions;

  private constructor(parts: {
    server: Server;
    health: HealthImplementation;
    address: string;
    offer: Disposable;
    options: ServerOptions;
  }) {
    this.#server = parts.server;
    this.#health = parts.health;
    this.address = parts.address;
    this.#offer = parts.offer;
    this.#options = parts.options;
  }

  /** Errors: ADDRESS_IN_USE and CANNOT_LISTEN with the address. */
  static async start(options: ServerOptions): Promise<RpcServer> {
    const server = new Server({
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    });
    const names = options.services.map(({ definition }) => serviceName(definition));
    const health = new HealthImplementation(Object.fromEntries(['', ...names].map((name) => [name, 'SERVING'])));
    for (const { definition, implementation } of options.services) {
      const methods = Object.entries(implementation).map(([name, { serve }]) => [name, serve]);
      server.addService(withTensorCodec(definition), Object.fromEntries(methods) as UntypedServiceImplementation);
    }
    health.addToServer(server);
    new ReflectionService(loadFileDescriptorSetFromBuffer(readFileSync(descriptorSetFile)), {
      services: names,
    }).addToServer(server);
    const port = await bind(server, options.address);
    const host = options.address.slice(0, options.address.lastIndexOf(':'));
    const address = `${host}:${port}`;
    const offer = offerInProcess(
      address,
      Object.assign({}, ...options.services.map((service) => service.implementation)),
    );
    return new RpcServer({ server, health, address, offer, options });
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
    const ended = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
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

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) return resolve(port);
      const inUse = messageOf(error).includes('EADDRINUSE');
      const advice = inUse ? 'another process listens there; choose another port' : messageOf(error);
      reject(
        new AlphapoError(
          'unavailable',
          inUse ? 'ADDRESS_IN_USE' : 'CANNOT_LISTEN',
          `cannot listen on ${address}: ${advice}`,
          { cause: error },
        ),
      );
    });
  });
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
