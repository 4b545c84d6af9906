import {
  type CallOptions,
  type ChannelOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type Metadata,
  makeGenericClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { peerOf } from './connection-problem.ts';
import { grpcDefinition, type ProtoService } from './definition.ts';
import { FLOW_CONTROL_WINDOW_BYTES, KEEPALIVE, MAX_MESSAGE_BYTES } from './limits.ts';
import type { RpcSecurity } from './security/rpc-security.ts';
import { fromServiceError } from './status.ts';
import { withTensorCodec } from './tensor-codec.ts';
import { type CallSettings, cancelled, type Transport, timeLimit } from './transport.ts';

type Invoke<Call> = (
  request: unknown,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback?: (error: ServiceError | null, response: unknown) => void,
) => Call;

/** gRPC over HTTP/2. Connects by itself, again and again, when calls are made. */
export function networkTransport(service: ProtoService, address: string, security: RpcSecurity): Transport {
  const peer = peerOf(service.fullName);
  const ClientOfService = makeGenericClientConstructor(withTensorCodec(grpcDefinition(service)), service.fullName);
  const client = new ClientOfService(address, security.channelCredentials(), {
    ...nameOverride(security),
    ...KEEPALIVE,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
  });
  const methods = client as unknown as Record<string, Invoke<ClientUnaryCall | ClientReadableStream<unknown>>>;
  const begin = <Call>(method: string, ...[request, settings, callback]: BeginArguments) =>
    methods[method]?.call(
      client,
      request,
      security.callMetadata(settings.authorization),
      deadlineOf(settings),
      callback,
    ) as Call;

  return {
    kind: 'network',
    unary: (method, request, settings) =>
      new Promise((resolve, reject) => {
        const { signal } = settings;
        if (signal?.aborted) return reject(cancelled(address));
        const call = begin<ClientUnaryCall>(method, request, settings, (error, response) => {
          signal?.removeEventListener('abort', cancel);
          if (error === null) resolve(response);
          else reject(signal?.aborted ? cancelled(address) : fromServiceError(error, address, peer));
        });
        const cancel = () => call.cancel();
        signal?.addEventListener('abort', cancel, { once: true });
      }),

    async *serverStream(method, request, settings) {
      const { signal } = settings;
      if (signal?.aborted) throw cancelled(address);
      const stream = begin<ClientReadableStream<unknown>>(method, request, settings);
      const cancel = () => stream.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      try {
        yield* stream as AsyncIterable<unknown>;
      } catch (error) {
        throw signal?.aborted ? cancelled(address) : fromServiceError(error, address, peer);
      } finally {
        signal?.removeEventListener('abort', cancel);
        stream.cancel();
      }
    },

    [Symbol.dispose]: () => client.close(),
  };
}

type BeginArguments = [
  request: unknown,
  settings: CallSettings,
  callback?: (error: ServiceError | null, response: unknown) => void,
];

function deadlineOf(settings: CallSettings): Partial<CallOptions> {
  const limitMs = timeLimit(settings);
  return limitMs === undefined ? {} : { deadline: Date.now() + limitMs };
}

/** The option for a server's certificate that has another name than the host; an undefined one would be taken for a name. */
export function nameOverride({ serverName }: RpcSecurity): ChannelOptions {
  return serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName };
}
