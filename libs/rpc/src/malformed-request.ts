import { AlphapoError, messageOf } from '@alphapo/base';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/**
 * grpc-js answers a request that is no message of its type with INTERNAL, as if the server were to blame. So that it becomes
 * INVALID_ARGUMENT, what is wrong with it is handed to the method in its place.
 */
class MalformedRequest {
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

/** The service with methods that get malformed requests, too; `wellFormed` refuses them. */
export function handingOverMalformed(service: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, handingOver(method)]));
}

function handingOver(method: MethodDefinition<unknown, unknown>): MethodDefinition<unknown, unknown> {
  const { requestDeserialize } = method;
  return {
    ...method,
    requestDeserialize: (bytes) => {
      try {
        return requestDeserialize(bytes);
      } catch (error) {
        return new MalformedRequest(messageOf(error));
      }
    },
  };
}

/** The request. Errors: MALFORMED_REQUEST. */
export function wellFormed<Request>(request: Request): Request {
  if (!(request instanceof MalformedRequest)) return request;
  throw new AlphapoError(
    'invalid-argument',
    'MALFORMED_REQUEST',
    `the request is not a message of the method's type (${request.problem}); make it with the published proto files`,
  );
}
