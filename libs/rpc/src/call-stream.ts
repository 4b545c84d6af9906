import { constants, type ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCall } from '@grpc/grpc-js';

export type InterceptedCall = ConstructorParameters<typeof ServerInterceptingCall>[0];

/** The HTTP/2 stream below a call and its interceptors. */
export function streamOf(call: InterceptedCall): ServerHttp2Stream {
  const { stream, nextCall } = call as unknown as {
    readonly stream: ServerHttp2Stream;
    readonly nextCall?: InterceptedCall;
  };
  return nextCall === undefined ? stream : streamOf(nextCall);
}

/**
 * Ends a call whose client leaves a message untaken. grpc-js would send a status behind that message, and keep both for
 * ever. The client of a stream that is reset like this sees RESOURCE_EXHAUSTED.
 */
export function resetStream(call: InterceptedCall): void {
  const stream = streamOf(call);
  if (!stream.destroyed) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

/**
 * Ends a call with a status, whether its client has sent the whole request or not. grpc-js would keep what has come of it
 * for as long as the client leaves the stream open.
 */
export function endCall(call: InterceptedCall, status: Parameters<InterceptedCall['sendStatus']>[0]): void {
  call.sendStatus(status);
  const stream = streamOf(call);
  if (!stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
}
