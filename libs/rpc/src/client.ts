import { AlphapoError } from '@alphapo/base';
import {
  type CallOptions,
  type Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { fromServiceError } from './status.ts';

/** The constructor of a generated client. */
type ClientConstructor<C extends Client> = new (
  address: string,
  channelCredentials: ReturnType<typeof credentials.createInsecure>,
  options: Record<string, unknown>,
) => C;

/** A client and the address it talks to. Connects by itself, again and again, when calls are made. */
export interface Connection<C extends Client> extends Disposable {
  readonly client: C;
  readonly address: string;
}

export function connect<C extends Client>(ClientClass: ClientConstructor<C>, address: string): Connection<C> {
  const client = new ClientClass(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
  return { client, address, [Symbol.dispose]: () => client.close() };
}

export interface CallSettings {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Waits for a server that is not there yet, until the time is over, instead of failing at once. */
  readonly waitForReady?: boolean;
}

type UnaryMethod = (
  request: never,
  metadata: never,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: never) => void,
) => ClientUnaryCall;

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
  connection: Connection<C>,
  method: K,
  request: UnaryRequest<C, K>,
  settings: CallSettings,
): Promise<UnaryResponse<C, K>> {
  const { client, address } = connection;
  return new Promise((resolve, reject) => {
    if (settings.signal?.aborted) return reject(cancelled(address));
    const invoke = client[method] as unknown as UnaryMethod;
    const { metadata, options } = callParts(settings);
    const call = invoke.call(client, request as never, metadata as never, options, (error, response) => {
      settings.signal?.removeEventListener('abort', cancel);
      if (error === null) resolve(response as UnaryResponse<C, K>);
      else reject(settings.signal?.aborted ? cancelled(address) : fromServiceError(error, address));
    });
    const cancel = () => call.cancel();
    settings.signal?.addEventListener('abort', cancel, { once: true });
  });
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
export async function* callServerStream<C extends Client, K extends StreamNames<C> & string>(
  connection: Connection<C>,
  method: K,
  request: StreamRequest<C, K>,
  settings: CallSettings,
): AsyncGenerator<StreamResponse<C, K>> {
  const { client, address } = connection;
  if (settings.signal?.aborted) throw cancelled(address);
  const invoke = client[method] as unknown as (
    request: unknown,
    metadata: Metadata,
    options: Partial<CallOptions>,
  ) => ClientReadableStream<StreamResponse<C, K>>;
  const { metadata, options } = callParts(settings);
  const stream = invoke.call(client, request, metadata, options);
  const cancel = () => stream.cancel();
  settings.signal?.addEventListener('abort', cancel, { once: true });
  try {
    yield* stream as AsyncIterable<StreamResponse<C, K>>;
  } catch (error) {
    throw settings.signal?.aborted ? cancelled(address) : fromServiceError(error, address);
  } finally {
    settings.signal?.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

function callParts({ timeoutMs, waitForReady }: CallSettings): { metadata: Metadata; options: Partial<CallOptions> } {
  const metadata = new Metadata({ waitForReady: waitForReady ?? false });
  return { metadata, options: { deadline: Date.now() + timeoutMs } };
}

function cancelled(address: string): AlphapoError {
  return new AlphapoError('cancelled', 'CANCELLED', `the call to ${address} was cancelled`);
}
