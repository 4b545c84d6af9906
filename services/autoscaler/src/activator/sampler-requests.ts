import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { AlphapoError } from '@alphapo/base';
import { LATEST_POLICY } from '@alphapo/contracts';
import { httpError, type RpcSecurity } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import type { Forwarding, Passing } from './forwarding.ts';
import { RequestBodies, type RequestBody } from './request-bodies.ts';
import type { SamplerConnection } from './sampler-connection.ts';

/** Headers that say something about one connection, and not about the request. */
const OF_THE_CONNECTION = [
  ...[
    'host',
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'proxy-authorization',
    'proxy-connection',
    'te',
    'trailer',
  ],
  ...['transfer-encoding', 'upgrade', 'expect'],
];
/** What is read of a sampler's error. */
const ERROR_BYTES = 64 * 2 ** 10;

export interface SamplerRequestsParts extends Passing {
  readonly forwarding: Forwarding<SamplerConnection>;
  readonly security: RpcSecurity;
  readonly logger: Logger<AutoscalerEvents>;
}

/** The sampler's HTTP API for applications: a request is forwarded to a ready sampler, and its response comes as it is made. */
export class SamplerRequests {
  readonly #parts: SamplerRequestsParts;
  readonly #bodies = new RequestBodies();

  constructor(parts: SamplerRequestsParts) {
    this.#parts = parts;
  }

  /** Answers a request; errors are responses. */
  async answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const leaving = new AbortController();
    outgoing.once('close', () => {
      leaving.abort(new AlphapoError('cancelled', 'CANCELLED', 'the client closed the connection'));
    });
    try {
      await this.#forward(incoming, outgoing, leaving.signal);
    } catch (error) {
      if (!leaving.signal.aborted) this.#refuse(error, incoming, outgoing);
    }
  }

  async #forward(incoming: IncomingMessage, outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
    const { forwarding, security } = this.#parts;
    const path = pathOf(incoming);
    // Load balancers ask often: that must not keep samplers from zero.
    if (path === '/health') return void outgoing.writeHead(200).end();
    if (!path.startsWith('/v1/')) throw unknownPath(incoming);
    const refusal = security.httpRefusal(incoming.method === 'GET' ? 'read' : 'score', incoming);
    if (refusal !== undefined) throw refusal;
    using body = await this.#bodies.read(incoming);
    const demand = {
      optimizer: body.rest === undefined && asksForLatest(body.start),
      repeatable: body.rest === undefined,
      bytes: () => body.start.length,
    };
    const ask = (sampler: SamplerConnection) => this.#ask(sampler, incoming, body, signal);
    for await (const response of forwarding.stream(demand, signal, ask)) {
      outgoing.writeHead(response.statusCode ?? 500, passedOn(response.headers));
      outgoing.flushHeaders();
      await pipeline(response, outgoing);
    }
  }

  /** The response of one sampler. A 503 is one that another sampler, or this one a little later, may not give. */
  async *#ask(
    sampler: SamplerConnection,
    incoming: IncomingMessage,
    body: RequestBody,
    signal: AbortSignal,
  ): AsyncGenerator<IncomingMessage> {
    const { method, url } = incoming;
    const response = await sampler.request({ method, path: url, headers: this.#headers(incoming, body), signal }, body);
    if (response.statusCode === 503) throw await unavailable(response);
    yield response;
  }

  #headers({ headers }: IncomingMessage, { start, rest }: RequestBody): OutgoingHttpHeaders {
    const { trustsCallers, security } = this.#parts;
    const passed = passedOn(headers);
    if (rest === undefined && start.length > 0) passed['content-length'] = start.length;
    if (!trustsCallers) return passed;
    const [own] = security.callMetadata().get('authorization');
    const { authorization: _, ...others } = passed;
    return { ...others, ...(own !== undefined && { authorization: String(own) }) };
  }

  #refuse(error: unknown, incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (!(error instanceof AlphapoError)) {
      const { method = '' } = incoming;
      this.#parts.logger.error('http.not-forwarded', { method, path: pathOf(incoming), error });
    }
    if (outgoing.headersSent) return void outgoing.destroy();
    const { status, headers, body } = httpError(error);
    outgoing.writeHead(status, { ...headers, 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }
}

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] as string;

function passedOn(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const left = new Set([...OF_THE_CONNECTION, ...named]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !left.has(name)));
}

/** Whether the model of a request is the run's newest policy. A body that is no JSON is for the sampler to reject. */
function asksForLatest(body: Buffer): boolean {
  try {
    return JSON.parse(body.toString()).model === LATEST_POLICY;
  } catch {
    return false;
  }
}

async function unavailable(response: IncomingMessage): Promise<AlphapoError> {
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    if (text.length > ERROR_BYTES) break;
  }
  const { code, message } = errorIn(text);
  return new AlphapoError('unavailable', code ?? 'SAMPLER_UNAVAILABLE', message ?? 'the sampler is not available');
}

function errorIn(text: string): { readonly code?: string; readonly message?: string } {
  try {
    return JSON.parse(text).error ?? {};
  } catch {
    return {};
  }
}

function unknownPath({ method, url }: IncomingMessage): AlphapoError {
  return new AlphapoError('not-found', 'UNKNOWN_PATH', `there is no ${method} ${url}; see /v1/models`);
}
