import type { RequestListener } from 'node:http';
import { AlphapoError, messageOf } from '@alphapo/base';
import { httpError, type RpcSecurity } from '@alphapo/rpc';
import { type Logger, meter, SECONDS_BUCKETS } from '@alphapo/telemetry';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { SamplerEvents } from '../events.ts';
import type { ModelNames } from '../model-names.ts';
import type { Sampler } from '../sampler.ts';
import { ChatCompletion } from './chat.ts';
import { Completion } from './completions.ts';
import { parseChat, parseCompletion } from './requests.ts';

interface HttpEnv {
  Bindings: HttpBindings;
}

const MAX_BODY_BYTES = 16 * 2 ** 20;

const seconds = meter.histogram({
  name: 'alphapo_http_server_handling_seconds',
  help: 'Time of HTTP requests, by path and status; of a stream until its answer begins.',
  labels: ['path', 'status'],
  buckets: SECONDS_BUCKETS,
});

interface HttpAppParts {
  readonly sampler: Sampler;
  readonly names: ModelNames;
  readonly security: RpcSecurity;
  readonly logger: Logger<SamplerEvents>;
  /** Aborts when the engine is dead. */
  readonly stopped: AbortSignal;
}

/** Both kinds of completions: an answer at once, or as chunks. */
interface Answering {
  answer(signal: AbortSignal): Promise<object>;
  chunks(signal: AbortSignal): AsyncGenerator<unknown>;
}

/** OpenAI's API for base model and policies: models, completions and chat completions. */
export function httpListener(parts: HttpAppParts): RequestListener {
  return getRequestListener(httpApp(parts).fetch, { overrideGlobalObjects: false });
}

function httpApp({ sampler, names, security, logger, stopped }: HttpAppParts): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  const created = Math.floor(Date.now() / 1000);
  const modelOf = (id: string) => ({ id, object: 'model', created, owned_by: 'alphapo' });

  /** What the caller hears of an error; one that is not ours is logged. */
  const reported = (error: unknown, { req: { method, path } }: Context<HttpEnv>) => {
    if (!(error instanceof AlphapoError)) logger.error('http.failed', { method, path, error });
    return httpError(error);
  };

  app.onError((error, context) => {
    const { status, headers, body } = reported(error, context);
    return context.json(body, status, headers);
  });
  app.notFound(({ req }) => {
    throw new AlphapoError('not-found', 'UNKNOWN_PATH', `there is no ${req.method} ${req.path}; see /v1/models`);
  });
  app.get('/health', (context) => context.body(null, stopped.aborted ? 503 : 200));
  app.use('/v1/*', async (context, next) => {
    const started = performance.now();
    // All of OpenAI's methods need what scoring needs; the list of models what reading needs.
    const scope = context.req.method === 'GET' ? 'read' : 'score';
    const refusal = security.httpRefusal(scope, context.env.incoming);
    if (refusal !== undefined) throw refusal;
    await next();
    const labels = { path: context.req.routePath, status: `${context.res.status}` };
    seconds.observe((performance.now() - started) / 1000, labels);
  });
  app.use('/v1/*', bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }));
  app.get('/v1/models', (context) => context.json({ object: 'list', data: names.all.map(modelOf) }));
  app.get('/v1/models/:name{.+}', (context) => {
    const name = context.req.param('name');
    names.policy(name);
    return context.json(modelOf(name));
  });
  app.post('/v1/completions', async (context) => {
    const request = parseCompletion(await bodyOf(context));
    if (request.stream && request.echo) throw unsupported('echo', 'with stream');
    return respond(context, request.stream ?? false, (signal) => Completion.open(sampler, names, request, signal));
  });
  app.post('/v1/chat/completions', async (context) => {
    const request = parseChat(await bodyOf(context));
    return respond(context, request.stream ?? false, (signal) => ChatCompletion.open(sampler, names, request, signal));
  });

  function respond(
    context: Context<HttpEnv>,
    stream: boolean,
    open: (signal: AbortSignal) => Promise<Answering>,
  ): Promise<Response> {
    const signal = leaving(context);
    const { promise: response, resolve, reject } = Promise.withResolvers<Response>();
    const call = async () => {
      const answering = await open(signal);
      if (!stream) return resolve(context.json(await answering.answer(signal)));
      // An error before the first chunk still has a status of its own.
      const chunks = answering.chunks(signal);
      const first = await chunks.next();
      await new Promise<void>((ended) => {
        const write = (sse: SSEStreamingApi) => writeChunks(sse, first, chunks).finally(ended);
        const tell = async (error: Error, sse: SSEStreamingApi) => {
          if (context.env.outgoing.destroyed) return;
          await sse.writeSSE({ data: JSON.stringify(reported(error, context).body) });
        };
        resolve(streamSSE(context, write, tell));
      });
    };
    sampler.admitted(call, signal).catch(reject);
    return response;
  }
  return app;
}

async function writeChunks(
  sse: SSEStreamingApi,
  first: IteratorResult<unknown>,
  chunks: AsyncGenerator<unknown>,
): Promise<void> {
  for (let chunk = first; !chunk.done; chunk = await chunks.next()) {
    await sse.writeSSE({ data: JSON.stringify(chunk.value) });
  }
  await sse.writeSSE({ data: '[DONE]' });
}

/** Aborts when the client has gone before its answer was complete. */
function leaving(context: Context<HttpEnv>): AbortSignal {
  const abort = new AbortController();
  const { outgoing } = context.env;
  outgoing.once('close', () => {
    abort.abort(new AlphapoError('cancelled', 'CANCELLED', 'the client closed the connection'));
  });
  return abort.signal;
}

async function bodyOf({ req }: Context<HttpEnv>): Promise<unknown> {
  try {
    return await req.json();
  } catch (error) {
    if (error instanceof AlphapoError) throw error;
    throw new AlphapoError('invalid-argument', 'INVALID_REQUEST', `the body is not valid JSON: ${messageOf(error)}`);
  }
}

function tooLarge(): never {
  throw new AlphapoError('invalid-argument', 'INVALID_REQUEST', `the body has more than ${MAX_BODY_BYTES} bytes`);
}

function unsupported(field: string, when: string): AlphapoError {
  const problem = `${field}: is not supported ${when}; remove it`;
  return new AlphapoError('invalid-argument', 'INVALID_REQUEST', problem, { metadata: { field } });
}
