import { AlphapoError, Secret } from '@alphapo/base';
import type { Logger } from '@alphapo/telemetry';
import type { ServerUnaryCall, ServerWritableStream, ServiceError, sendUnaryData } from '@grpc/grpc-js';
import type { RpcEvents } from './events.ts';
import { accepted } from './request-decoder.ts';
import { toServiceError } from './status.ts';

/** What a handler knows of its call besides the request. */
export interface CallContext {
  /** Aborts when the client cancels or its deadline passes. */
  readonly signal: AbortSignal;
  /** The client's address. */
  readonly peer: string;
  /** The method's path, for logs. */
  readonly method: string;
  /** When the client stops waiting, in milliseconds since 1970; Infinity where it waits for ever. */
  readonly deadline: number;
  /** The client's authorization header, for whoever passes the call on; undefined where this server has checked it itself. */
  readonly authorization: Secret | undefined;
}

/** A method of a service. */
export interface Method {
  /** As grpc-js takes it. */
  readonly serve: (call: never, callback: never) => void;
  /** As callers in this process take it: one answer where the method is unary. Errors are those of grpc-js. */
  readonly answer: (request: never, context: CallContext) => AsyncIterable<unknown>;
}

type AnyCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

/** Turns async functions into methods; errors become statuses, those that are not ours are logged. */
export class Handlers {
  readonly #logger: Logger<RpcEvents>;
  /** Calls that have not ended; a graceful stop waits for them. */
  readonly #running = new Set<Promise<void>>();

  constructor(logger: Logger<RpcEvents>) {
    this.#logger = logger;
  }

  unary<Request, Response>(handle: (request: Request, context: CallContext) => Promise<Response>): Method {
    return {
      serve: (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) =>
        this.#track(async () => {
          const context = contextOf(call);
          try {
            callback(null, await handle(accepted(call.request), context));
          } catch (error) {
            callback(this.#report(error, context));
          }
        }),
      answer: (request: Request, context) =>
        this.#answer(context, async function* () {
          yield await handle(request, context);
        }),
    };
  }

  /**
   * Sends what the handler yields, no faster than the client reads it. Resumes the handler once the message is serialized; it
   * may then reuse the buffer.
   */
  serverStream<Request, Response>(handle: (request: Request, context: CallContext) => AsyncIterable<Response>): Method {
    return {
      serve: (call: ServerWritableStream<Request, Response>) =>
        this.#track(async () => {
          const context = contextOf(call);
          const { signal } = context;
          try {
            for await (const response of handle(accepted(call.request), context)) {
              if (signal.aborted) break;
              await written(call, response, signal);
            }
            call.end();
          } catch (error) {
            if (signal.aborted) call.end();
            else call.emit('error', this.#report(error, context));
          }
        }),
      answer: (request: Request, context) => this.#answer(context, () => handle(request, context)),
    };
  }

  /** Resolves when no call is running. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #track(run: () => Promise<void>): void {
    const running = run().finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async *#answer(context: CallContext, answers: () => AsyncIterable<unknown>): AsyncGenerator<unknown> {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#track(() => ended);
    try {
      yield* answers();
    } catch (error) {
      throw this.#report(error, context);
    } finally {
      end();
    }
  }

  #report(error: unknown, { method, peer }: CallContext): ServiceError {
    if (!(error instanceof AlphapoError)) this.#logger.error('rpc.failed', { method, peer, error });
    return toServiceError(error) as ServiceError;
  }
}

/** Resolves when a message was serialized and handed to the connection. Throws the signal's reason. */
function written<Response>(
  call: ServerWritableStream<unknown, Response>,
  response: Response,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    call.write(response, () => {
      signal.removeEventListener('abort', leave);
      resolve();
    });
  });
}

/** grpc-js emits `cancelled` both when the client cancels and when its deadline passes. */
function contextOf(call: AnyCall): CallContext {
  const abort = new AbortController();
  const cancel = () =>
    abort.abort(new AlphapoError('cancelled', 'CANCELLED', 'the client canceled the call or its deadline passed'));
  if (call.cancelled) cancel();
  call.on('cancelled', cancel);
  const [authorization] = call.metadata.get('authorization');
  return {
    signal: abort.signal,
    peer: call.getPeer(),
    method: call.getPath(),
    deadline: Number(call.getDeadline()),
    authorization: authorization === undefined ? undefined : new Secret(String(authorization)),
  };
}
