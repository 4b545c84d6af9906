import { AlphapoError, messageOf } from '@alphapo/base';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/**
 * Messages within a request, however deep. Without this limit a request of 16 MiB could hold eight million empty ones, which
 * take two bytes each on the wire, but a gigabyte and two seconds when they are decoded.
 */
const MAX_MESSAGES = 2 ** 17;

/** Counts messages: the generated code notes in its reader how deep it is, whenever it begins one and ends one. */
class BoundedReader extends BinaryReader {
  #depth = 0;
  #messages = 0;

  get __tsProtoDecodeDepth(): number {
    return this.#depth;
  }

  set __tsProtoDecodeDepth(depth: number) {
    if (depth > this.#depth && ++this.#messages > MAX_MESSAGES) {
      throw new AlphapoError(
        'resource-exhausted',
        'TOO_MANY_MESSAGES',
        `the request has more than ${MAX_MESSAGES} messages; send fewer items at a time`,
      );
    }
    this.#depth = depth;
  }
}

/**
 * grpc-js answers a request that cannot be decoded with INTERNAL, as if the server were to blame. So that it becomes a
 * refusal, what is wrong with it is handed to the method in its place.
 */
class RefusedRequest {
  readonly error: AlphapoError;

  constructor(error: AlphapoError) {
    this.error = error;
  }
}

/** The service with requests decoded within limits. Methods get refused requests, too, and pass them to `accepted`. */
export function withBoundedRequests(service: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, withBoundedRequest(method)]));
}

function withBoundedRequest(method: MethodDefinition<unknown, unknown>): MethodDefinition<unknown, unknown> {
  // The generated functions accept bytes or a reader, although their types say otherwise.
  const decode = method.requestDeserialize as unknown as (reader: BinaryReader) => unknown;
  return {
    ...method,
    requestDeserialize: (bytes) => {
      try {
        return decode(new BoundedReader(bytes));
      } catch (error) {
        return new RefusedRequest(error instanceof AlphapoError ? error : malformed(error));
      }
    },
  };
}

/** The request. Errors: MALFORMED_REQUEST, TOO_MANY_MESSAGES. */
export function accepted<Request>(request: Request): Request {
  if (request instanceof RefusedRequest) throw request.error;
  return request;
}

function malformed(cause: unknown): AlphapoError {
  return new AlphapoError(
    'invalid-argument',
    'MALFORMED_REQUEST',
    `the request is not a message of the method's type (${messageOf(cause)}); generate it from the published proto files`,
    { cause },
  );
}
