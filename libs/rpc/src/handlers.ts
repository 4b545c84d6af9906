import { once } from 'node:events';
import { AlphapoError } from '@alphapo/base';
import type { Logger } from '@alphapo/telemetry';
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceError,
} from '@grpc/grpc-js';
import { toServiceError } from './status.ts';

/** What a handler knows of its call besides the request. */
export interface CallContext {
  /** Aborts when the client cancels or its deadline passes. */
  readonly signal: AbortSignal;
  /** The client's address. */
  readonly peer: string;
}

type AnyCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

/** Turns async functions into handlers of grpc-js; errors become statuses, those that are not ours are logged. */
export class Handlers {
  readonly #logger: Logger;
  /** Calls that have not ended; a graceful stop waits for them. */
  readonly #running = new Set<Promise<void>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  unary<Request, Response>(
    handle: (request: Request, context: CallContext) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) =>
      this.#track(async () => {
        try {
          callback(null, await handle(call.request, contextOf(call)));
        } catch (error) {
          callback(this.#report(call, error));
        }
      });
  }

  /** Writes what the handler yields, no faster than the client reads it. */
  serverStream<Request, Response>(
    handle: (request: Request, context: CallContext) => AsyncIterable<Response>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) =>
      this.#track(async () => {
        const context = contextOf(call);
        try {
          for await (const response of handle(call.request, context)) {
            if (context.signal.aborted) break;
            if (!call.write(response)) await once(call, 'drain', { signal: context.signal });
          }
          call.end();
        } catch (error) {
          if (context.signal.aborted) call.end();
          else call.emit('error', this.#report(call, error));
        }
      });
  }

  /** Resolves when no call is running. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #track(run: () => Promise<void>): void {
    const running = run().finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #report(call: AnyCall, error: unknown): ServiceError {
    if (!(error instanceof AlphapoError)) {
      this.#logger.error('rpc.failed', { method: call.getPath(), peer: call.getPeer(), error });
    }
    return toServiceError(error) as ServiceError;
  }
}

/** grpc-js emits `cancelled` both when the client cancels and when its deadline passes. */
function contextOf(call: AnyCall): CallContext {
  const abort = new AbortController();
  const cancel = () =>
    abort.abort(new AlphapoError('cancelled', 'CANCELLED', 'the client cancelled the call or its deadline passed'));
  if (call.cancelled) cancel();
  call.on('cancelled', cancel);
  return { signal: abort.signal, peer: call.getPeer() };
}
