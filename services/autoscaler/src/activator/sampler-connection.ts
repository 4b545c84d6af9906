import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { AlphapoError, messageOf, parseHostAndPort } from '@alphapo/base';
import { SamplerServiceDefinition } from '@alphapo/contracts';
import { type Client, connect, type RpcSecurity } from '@alphapo/rpc';
import type { RequestBody } from './request-bodies.ts';

export interface SamplerRequest {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: OutgoingHttpHeaders;
  readonly signal: AbortSignal;
}

/** Both doors of one sampler. */
export class SamplerConnection implements Disposable {
  readonly rpc: Client<SamplerServiceDefinition>;
  readonly #host: string;
  readonly #httpPort: number;
  readonly #security: RpcSecurity;
  readonly #agent: HttpAgent;

  constructor(address: string, { httpPort, security }: { readonly httpPort: number; readonly security: RpcSecurity }) {
    this.rpc = connect(SamplerServiceDefinition, address, security);
    this.#host = parseHostAndPort(address).host;
    this.#httpPort = httpPort;
    this.#security = security;
    this.#agent = new (this.#isTls ? HttpsAgent : HttpAgent)({ keepAlive: true });
  }

  /** Resolves when the head of the response is there. Errors: SAMPLER_UNREACHABLE (unavailable). */
  request({ method, path, headers, signal }: SamplerRequest, body: RequestBody): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const place = { host: this.#host, port: this.#httpPort };
    const request = (this.#isTls ? httpsRequest : httpRequest)({
      ...this.#security.httpsClientOptions(),
      ...{ ...place, method, path, headers, signal },
      // A connection that was kept may break as it is used: a body that cannot be sent again gets one of its own.
      agent: body.rest === undefined ? this.#agent : false,
    });
    request.once('response', resolve);
    request.on('error', (cause) => {
      const problem = `sampler ${place.host}:${place.port}: ${messageOf(cause)}`;
      reject(new AlphapoError('unavailable', 'SAMPLER_UNREACHABLE', problem, { cause }));
    });
    if (body.rest === undefined) {
      request.end(body.start);
    } else {
      request.write(body.start);
      pipeline(body.rest, request).catch(() => {});
    }
    return promise;
  }

  get #isTls(): boolean {
    return this.#security.httpsClientOptions() !== undefined;
  }

  [Symbol.dispose](): void {
    this.rpc[Symbol.dispose]();
    this.#agent.destroy();
  }
}
