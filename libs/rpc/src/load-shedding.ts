import { constants, type ServerHttp2Stream } from 'node:http2';
import { AlphapoError } from '@alphapo/base';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { ServerLimits } from './limits.ts';
import { toServiceError } from './status.ts';

type Call = ConstructorParameters<typeof ServerInterceptingCall>[0];

/** Health checks are answered however much is going on: whoever asks would otherwise end a server that only is busy. */
const NEVER_SHED = '/grpc.health.v1.Health/';

/** Keeps a server's calls, and the memory that they hold, within limits: too many are turned away, and too slow ones ended. */
export function sheddingLoad({ calls: limit, stallMs }: Pick<ServerLimits, 'calls' | 'stallMs'>): ServerInterceptor {
  let running = 0;
  return ({ path, requestStream }, call) => {
    if (path.startsWith(NEVER_SHED)) return new ServerInterceptingCall(call);
    const request = new Stopwatch(stallMs, () => call.sendStatus(toServiceError(requestStalled(stallMs))));
    return new UnstalledCall(call, stallMs, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            running++;
            if (running > limit) {
              call.sendStatus(toServiceError(tooManyCalls(limit)));
              return;
            }
            if (!requestStream) request.start();
            proceed(metadata);
          },
          onReceiveHalfClose: (proceed) => {
            request.stop();
            proceed();
          },
          // Comes once for every call that has begun, whichever way it ends.
          onCancel: () => {
            running--;
            request.stop();
          },
        }),
    });
  };
}

/** A call whose stream is reset when its client leaves a message untaken. */
class UnstalledCall extends ServerInterceptingCall {
  readonly #call: Call;
  readonly #stallMs: number;

  constructor(call: Call, stallMs: number, responder: ConstructorParameters<typeof ServerInterceptingCall>[1]) {
    super(call, responder);
    this.#call = call;
    this.#stallMs = stallMs;
  }

  override sendMessage(message: unknown, taken: () => void): void {
    const answer = new Stopwatch(this.#stallMs, () => resetStream(this.#call));
    answer.start();
    super.sendMessage(message, () => {
      answer.stop();
      taken();
    });
  }
}

/**
 * grpc-js would send a status behind the message that is not taken, and keep both for ever. The client of a stream that is
 * reset like this sees RESOURCE_EXHAUSTED.
 */
function resetStream(call: Call): void {
  const { stream, nextCall } = call as unknown as { readonly stream: ServerHttp2Stream; readonly nextCall?: Call };
  if (nextCall !== undefined) resetStream(nextCall);
  else if (!stream.destroyed) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

/** Calls back when it was not stopped in time. */
class Stopwatch {
  readonly #limitMs: number;
  readonly #late: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, late: () => void) {
    this.#limitMs = limitMs;
    this.#late = late;
  }

  start(): void {
    this.#timer = setTimeout(this.#late, this.#limitMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function tooManyCalls(limit: number): AlphapoError {
  return new AlphapoError('resource-exhausted', 'TOO_MANY_CALLS', `${limit} calls are under way; try again later`);
}

function requestStalled(stallMs: number): AlphapoError {
  return new AlphapoError('deadline-exceeded', 'REQUEST_STALLED', `the request was not complete within ${stallMs} ms`);
}
