import { AlphapoError } from '@alphapo/base';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { endCall, type InterceptedCall, resetStream } from './call-stream.ts';
import type { ServerLimits } from './limits.ts';
import { boundBytes, RequestBytes } from './request-bytes.ts';
import { toServiceError } from './status.ts';

/** Health checks are answered however much is going on: whoever asks would otherwise end a server that only is busy. */
const NEVER_SHED = '/grpc.health.v1.Health/';
/** Of a health check, which holds the name of a service: as they do not count, little is all that they may hold. */
export const HEALTH_REQUEST_BYTES = 1024;

/** Keeps a server's calls, and the memory that they hold, within limits: too many are turned away, and too slow ones ended. */
export function sheddingLoad({
  calls: limit,
  requestBytes,
  stallMs,
}: Pick<ServerLimits, 'calls' | 'requestBytes' | 'stallMs'>): ServerInterceptor {
  let running = 0;
  const bytes = new RequestBytes(requestBytes);
  return ({ path, requestStream }, call) => {
    const counts = !path.startsWith(NEVER_SHED);
    const refuse = (error: AlphapoError) => endCall(call, toServiceError(error));
    const request = new Stopwatch(stallMs, () => refuse(requestStalled(stallMs)));
    let held: Disposable | undefined;
    return new UnstalledCall(call, stallMs, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            if (counts) running++;
            if (counts && running > limit) {
              refuse(tooManyCalls(limit));
              return;
            }
            held = counts ? bytes.count(call, refuse) : boundBytes(call, HEALTH_REQUEST_BYTES, refuse);
            if (!requestStream) request.start();
            proceed(metadata);
          },
          onReceiveHalfClose: (proceed) => {
            request.stop();
            proceed();
          },
          // Comes once for every call that has begun, whichever way it ends.
          onCancel: () => {
            if (counts) running--;
            request.stop();
            held?.[Symbol.dispose]();
          },
        }),
    });
  };
}

/** A call whose stream is reset when its client leaves a message untaken. */
class UnstalledCall extends ServerInterceptingCall {
  readonly #call: InterceptedCall;
  readonly #stallMs: number;

  constructor(
    call: InterceptedCall,
    stallMs: number,
    responder: ConstructorParameters<typeof ServerInterceptingCall>[1],
  ) {
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
  return new AlphapoError('resource-exhausted', 'TOO_MANY_CALLS', `${limit} calls are in progress; retry later`);
}

function requestStalled(stallMs: number): AlphapoError {
  return new AlphapoError('deadline-exceeded', 'REQUEST_STALLED', `the request was not complete within ${stallMs} ms`);
}
