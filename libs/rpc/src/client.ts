import type { MessageOf, ProtoService } from './definition.ts';
import { inProcessAddress, inProcessTransport } from './in-process.ts';
import { networkTransport } from './network.ts';
import { RpcSecurity } from './security/rpc-security.ts';
import type { CallSettings, Transport } from './transport.ts';

/** A message of which any field may be left out: it then has its default. */
export type Partly<T> = T extends Uint8Array | string | number | bigint | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Partly<Item>[]
    : T extends { $case: infer Case; value: infer Value }
      ? { readonly $case: Case; readonly value: Partly<Value> }
      : { readonly [K in keyof T]?: Partly<T[K]> | undefined };

type Method<M, Settings extends readonly unknown[]> = M extends {
  requestType: infer Request;
  responseType: infer Response;
  responseStream: infer Stream;
}
  ? (
      request: Partly<MessageOf<Request>>,
      ...settings: Settings
    ) => Stream extends true ? AsyncIterable<MessageOf<Response>> : Promise<MessageOf<Response>>
  : never;

/**
 * A service's methods. They throw the server's error, or what became of the connection (`AlphapoError`). Leaving the loop over a
 * stream cancels its call.
 */
export type Client<
  S extends ProtoService,
  Settings extends readonly unknown[] = [settings: CallSettings],
> = Disposable & {
  readonly address: string;
  readonly transport: Transport['kind'];
} & { readonly [K in keyof S['methods']]: Method<S['methods'][K], Settings> };

/** Connects to a host and port, in plaintext unless `security` says otherwise, or within the process to an address of `inProcess`. */
export function connect<S extends ProtoService>(
  service: S,
  address: string,
  security: RpcSecurity = RpcSecurity.none,
): Client<S> {
  const local = inProcessAddress(address);
  const transport = local === undefined ? networkTransport(service, address, security) : inProcessTransport(local);
  const methods = Object.entries(service.methods).map(([name, { requestType, responseStream }]) => {
    const kind = responseStream ? 'serverStream' : 'unary';
    const call = (request: unknown, settings: CallSettings) =>
      transport[kind](name, requestType.fromPartial(request as never), settings);
    return [name, call];
  });
  return {
    ...Object.fromEntries(methods),
    address,
    transport: transport.kind,
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}
