import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/** The generated codec of a message; parameters are `never` because each message has its own type. */
interface MessageType {
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
  fromPartial(message: never): unknown;
}

interface ProtoMethod {
  /** As the .proto file has it. */
  readonly name: string;
  readonly requestType: MessageType;
  readonly requestStream: false;
  readonly responseType: MessageType;
  readonly responseStream: boolean;
}

/** A service of the generated code, with its methods by their names in TypeScript. */
export interface ProtoService {
  /** With the package, e.g. `alphapo.v1.ScorerService`. */
  readonly fullName: string;
  readonly methods: Readonly<Record<string, ProtoMethod>>;
}

/** The message that a codec decodes. */
export type MessageOf<Type> = Type extends { decode(bytes: Uint8Array): infer Message } ? Message : never;

/** The service as grpc-js takes it. */
export function grpcDefinition(service: ProtoService): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service.methods).map(([key, method]) => [key, grpcMethod(methodPath(service, key), method)]),
  );
}

/** The path that HTTP/2 requests of a method have. */
export function methodPath<S extends ProtoService>({ fullName, methods }: S, key: keyof S['methods'] & string): string {
  return `/${fullName}/${methods[key]?.name}`;
}

function grpcMethod(path: string, method: ProtoMethod): MethodDefinition<unknown, unknown> {
  const { requestType, responseType, requestStream, responseStream } = method;
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: (request) => encoded(requestType, request),
    requestDeserialize: (bytes) => requestType.decode(bytes),
    responseSerialize: (response) => encoded(responseType, response),
    responseDeserialize: (bytes) => responseType.decode(bytes),
  };
}

function encoded(type: MessageType, message: unknown): Buffer {
  return Buffer.from(type.encode(message as never).finish());
}
