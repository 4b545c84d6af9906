import type { CallOptions, Client, ClientReadableStream, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import { inProcessAddress, inProcessTransport } from './in-process.ts';
import { type ClientClass, networkTransport } from './network.ts';
import { RpcSecurity } from './security/rpc-security.ts';
import type { CallSettings, Transport } from './transport.ts';

/** What calls of a client's methods go through. */
export interface Connection<C extends Client> extends Disposable {
  readonly address: string;
  readonly transport: Transport;
  /** Only for the compiler: the client's type says which methods there are. */
  readonly client?: C;
}

/** Connects to a host and port, in plaintext unless `security` says otherwise, or within the process to an address of `inProcess`. */
export function connect<C extends Client>(
  clientClass: ClientClass<C>,
  address: string,
  security: RpcSecurity = RpcSecurity.none,
): Connection<C> {
  const local = inProcessAddress(address);
  const transport = local === undefined ? networkTransport(clientClass, address, security) : inProcessTransport(local);
  return { address, transport, [Symbol.dispose]: () => transport[Symbol.dispose]() };
}

/** Names of a client's methods that answer once, and what they take and give. */
type UnaryNames<C> = { [K in keyof C]: C[K] extends (...args: infer _A) => ClientUnaryCall ? K : never }[keyof C];
type UnaryRequest<C, K extends keyof C> = C[K] extends {
  (request: infer Request, callback: (error: ServiceError | null, response: infer _R) => void): ClientUnaryCall;
  (...args: never): ClientUnaryCall;
  (...args: never): ClientUnaryCall;
}
  ? Request
  : never;
type UnaryResponse<C, K extends keyof C> = C[K] extends {
  (request: infer _Q, callback: (error: ServiceError | null, response: infer Response) => void): ClientUnaryCall;
  (...args: never): ClientUnaryCall;
  (...args: never): ClientUnaryCall;
}
  ? Response
  : never;

/** Calls a method that answers once. Throws the server's error, or what became of the connection. */
export function callUnary<C extends Client, K extends UnaryNames<C> & string>(
  { transport }: Connection<C>,
  method: K,
  request: UnaryRequest<C, K>,
  settings: CallSettings,
): Promise<UnaryResponse<C, K>> {
  return transport.unary(method, request, settings) as Promise<UnaryResponse<C, K>>;
}

type StreamNames<C> = {
  [K in keyof C]: C[K] extends (...args: infer _A) => ClientReadableStream<infer _R> ? K : never;
}[keyof C];
type StreamRequest<C, K extends keyof C> = C[K] extends {
  (request: infer Request, options?: Partial<CallOptions>): ClientReadableStream<infer _R>;
  (...args: never): ClientReadableStream<infer _R>;
}
  ? Request
  : never;
type StreamResponse<C, K extends keyof C> = C[K] extends (...args: infer _A) => ClientReadableStream<infer Response>
  ? Response
  : never;

/** Calls a method that answers with a stream; leaving the loop early cancels the call. */
export function callServerStream<C extends Client, K extends StreamNames<C> & string>(
  { transport }: Connection<C>,
  method: K,
  request: StreamRequest<C, K>,
  settings: CallSettings,
): AsyncIterable<StreamResponse<C, K>> {
  return transport.serverStream(method, request, settings) as AsyncIterable<StreamResponse<C, K>>;
}
