import { request as httpsRequest } from 'node:https';
import { text as textOf } from 'node:stream/consumers';
import { type SamplersConfig, startActivator } from '@alphapo/autoscaler/testing';
import { AlphapoError } from '@alphapo/base';
import { GenerateRequest, type GenerateResponse, SamplerServiceDefinition } from '@alphapo/contracts';
import { type CallContext, connect, Handlers, HttpServer, RpcSecurity, RpcServer } from '@alphapo/rpc';
import { secured, token } from '../../libs/rpc/src/security/security.fixture.ts';
import { MemoryWorkloads } from '../../services/autoscaler/src/cluster.fixture.ts';
import { certificateAuthority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { startTestSampler } from './sampler.fixture.ts';
import { CALL, LOOPBACK, pairs, silent, smallModel, startRun, until } from './services.fixture.ts';

/** Calls through the activator to real samplers, over gRPC and HTTP; only the API server is in memory. */

const PROMPT = { id: 'a', prompt: { $case: 'text' as const, value: 'After 4:' } };
const GENERATE = GenerateRequest.fromPartial({ prompts: [PROMPT], maxTokens: 8 });
const COMPLETION = { model: 'small', prompt: 'After 4:', max_tokens: 8, temperature: 0 };

interface Change {
  readonly samplers?: Partial<SamplersConfig>;
  readonly waitMs?: number;
  readonly heldCalls?: number;
  readonly security?: RpcSecurity;
}

/** An activator before samplers whose addresses a test decides. */
async function activator({ samplers = {}, waitMs = 30_000, heldCalls = 8, security }: Change = {}) {
  const workloads = new MemoryWorkloads();
  const addresses: string[] = [];
  const running = await startActivator(
    {
      ...{ address: LOOPBACK, security, scorers: 'scorers.example:50052', discover: async () => [], waitMs },
      samplers: {
        ...{ pods: 'samplers.example:50055', discover: async () => addresses, httpPort: 1, httpAddress: LOOPBACK },
        ...samplers,
      },
      held: { calls: heldCalls, bytes: 4_096 },
      pod: 'autoscaler-0',
    },
    workloads,
    silent,
  );
  const connection = connect(SamplerServiceDefinition, running.address, security);
  const url = `http://${running.httpAddress}`;
  return {
    workloads,
    addresses,
    connection,
    httpAddress: running.httpAddress as string,
    post: (body: unknown, init: RequestInit = {}) =>
      fetch(`${url}/v1/completions`, { method: 'POST', body: JSON.stringify(body), ...init }),
    get: (path: string) => fetch(`${url}${path}`),
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      connection[Symbol.dispose]();
    },
  };
}

type Front = Awaited<ReturnType<typeof activator>>;
const woken = ({ workloads }: Front) => workloads.state('sampler').replicas === 1;
const all = (answers: AsyncIterable<GenerateResponse>) => Array.fromAsync(answers);

/** A sampler over gRPC whose answers a test decides. */
async function scriptedSampler(generate: (context: CallContext) => AsyncIterable<GenerateResponse>) {
  const handlers = new Handlers(silent);
  const implementation = {
    describeSampler: handlers.unary(() => Promise.reject(new Error('not asked'))),
    generate: handlers.serverStream((_request: unknown, context) => generate(context)),
  };
  const services = [{ definition: SamplerServiceDefinition, implementation }];
  return RpcServer.start({ address: LOOPBACK, services, handlers, drainMs: 500 });
}

const header: GenerateResponse = { part: { $case: 'header', value: { policy: undefined, promptTokens: [1] } } };

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

describe('over gRPC', () => {
  test('a call at zero wakes a sampler, waits for it, and gets its stream', async () => {
    await using front = await activator();
    const answer = all(front.connection.generate({ ...GENERATE, pieces: true }, CALL));
    await until(() => woken(front));
    await using sampler = await startTestSampler(model);
    front.addresses.push(sampler.address);
    const answers = await answer;
    expect(answers.map(({ part }) => part?.$case)).toEqual(expect.arrayContaining(['header', 'piece', 'continuation']));
    expect(answers).toEqual(await all(sampler.connection.generate({ ...GENERATE, pieces: true }, CALL)));
    expect((await front.connection.describeSampler({}, CALL)).modelName).toBe('small');
    const { annotations } = front.workloads.state('sampler');
    expect(annotations['alphapo.dev/last-call.autoscaler-0']).toMatch(/^\d{4}-.*Z 1$/);
    expect(front.workloads.scalings).toEqual([{ component: 'sampler', replicas: 1 }]);
  });

  test('a sampler that is gone before its first message is replaced, one that fails later is not', async () => {
    let calls = 0;
    await using first = await scriptedSampler(async function* () {
      if (calls++ === 0) throw new AlphapoError('unavailable', 'GONE', 'stopping');
      yield header;
      throw new AlphapoError('unavailable', 'GONE', 'in the middle');
    });
    await using front = await activator();
    front.addresses.push(first.address);
    const seen: GenerateResponse[] = [];
    const reading = (async () => {
      for await (const answer of front.connection.generate(GENERATE, CALL)) seen.push(answer);
    })();
    await expect(reading).rejects.toMatchObject({ reason: 'GONE', message: expect.stringContaining('in the middle') });
    expect([calls, seen]).toEqual([2, [header]]);
  });

  test('a caller who leaves ends the sampler’s call', async () => {
    const ended = Promise.withResolvers<void>();
    await using behind = await scriptedSampler(async function* ({ signal }) {
      yield header;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      ended.resolve();
    });
    await using front = await activator();
    front.addresses.push(behind.address);
    for await (const _ of front.connection.generate(GENERATE, CALL)) break;
    await ended.promise;
  });

  test.each(['latest', 'version'] as const)('the policy "%s" wakes the optimizer too', async (policy) => {
    await using front = await activator({ waitMs: 1_000 });
    const value = policy === 'latest' ? {} : { step: 1n, digest: 'd' };
    const request = GenerateRequest.fromPartial({ ...GENERATE, policy: { $case: policy, value } as never });
    await expect(all(front.connection.generate(request, CALL))).rejects.toMatchObject({
      ...{ code: 'unavailable', reason: 'NO_SAMPLER_READY' },
      message: expect.stringContaining('no sampler answered within 1 s'),
    });
    expect(front.workloads.state('optimizer').replicas).toBe(1);
  });

  test('calls beyond those that may wait are asked to come again', async () => {
    await using front = await activator({ heldCalls: 1 });
    const leave = new AbortController();
    const held = all(front.connection.generate(GENERATE, { ...CALL, signal: leave.signal })).catch(() => {});
    await until(() => woken(front));
    await expect(all(front.connection.generate(GENERATE, CALL))).rejects.toMatchObject({
      ...{ code: 'resource-exhausted', reason: 'SAMPLERS_STARTING', message: expect.stringContaining('no sampler') },
    });
    leave.abort();
    await held;
  });
});

describe('over HTTP', () => {
  test('a request at zero wakes a sampler, waits for it, and gets its answer; streams come as they are made', async () => {
    const httpPort = await freePort();
    await using front = await activator({ samplers: { httpPort } });
    const waiting = front.post(COMPLETION);
    await until(() => woken(front));
    await using sampler = await startTestSampler(model, { httpAddress: `127.0.0.1:${httpPort}` });
    front.addresses.push(sampler.address);
    const response = await waiting;
    expect(response.status).toBe(200);
    const { choices } = (await response.json()) as { choices: { text: string }[] };
    const stream = await front.post({ ...COMPLETION, stream: true });
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    const chunks = (await stream.text()).split('\n\n').filter((line) => line.startsWith('data: {'));
    expect(chunks.map((line) => JSON.parse(line.slice(6)).choices[0].text).join('')).toBe(choices[0]?.text);
    expect(await (await front.get('/v1/models')).json()).toMatchObject({ data: [{ id: 'small' }] });
    expect(front.workloads.scalings).toEqual([{ component: 'sampler', replicas: 1 }]);
  });

  test('what the sampler rejects has its own words', async () => {
    await using sampler = await startTestSampler(model);
    await using front = await activator({ samplers: { httpPort: sampler.httpPort } });
    front.addresses.push(sampler.address);
    const refused = await front.post({ ...COMPLETION, model: 'large' });
    expect([refused.status, await refused.json()]).toEqual([
      404,
      { error: expect.objectContaining({ code: 'MODEL_NOT_FOUND' }) },
    ]);
  });

  test('a body that is too large to be read first is forwarded as it comes', async () => {
    await using sampler = await startTestSampler(model);
    await using front = await activator({ samplers: { httpPort: sampler.httpPort } });
    front.addresses.push(sampler.address);
    const response = await front.post({ ...COMPLETION, user: 'a'.repeat(2 ** 21) });
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('text_completion')]);
  });

  test('a sampler that has gone loses no request', async () => {
    const httpAddress = `127.0.0.1:${await freePort()}`;
    const address = `127.0.0.1:${await freePort()}`;
    const start = () => startTestSampler(model, { address, httpAddress });
    const first = await start();
    await using front = await activator({ samplers: { httpPort: first.httpPort } });
    front.addresses.push(address);
    expect((await front.post(COMPLETION)).status).toBe(200);
    await first[Symbol.asyncDispose]();
    const waiting = front.post(COMPLETION);
    await using _second = await start();
    expect((await waiting).status).toBe(200);
  });

  test('the newest policy is answered once the optimizer is there', async () => {
    await using run = await startRun(model, { learningRate: 0.05 });
    await run.train(pairs(16));
    const optimizerAddress = `127.0.0.1:${await freePort()}`;
    await using sampler = await startTestSampler(model, { optimizerAddress });
    await using front = await activator({ samplers: { httpPort: sampler.httpPort } });
    front.addresses.push(sampler.address);
    const waiting = front.post({ ...COMPLETION, model: 'latest' });
    await until(() => front.workloads.state('optimizer').replicas === 1);
    // Meanwhile the base model is answered.
    expect((await front.post(COMPLETION)).status).toBe(200);
    await using _ = await run.startOptimizer({
      ...{ address: optimizerAddress, checkpointFolder: run.checkpointFolder },
    });
    expect((await waiting).status).toBe(200);
  });

  test('a client that leaves ends the sampler’s computation', async () => {
    const ended = Promise.withResolvers<void>();
    await using behind = await scriptedSampler(async function* () {});
    await using http = await HttpServer.start({
      ...{ address: LOOPBACK, security: RpcSecurity.none, drainMs: 100 },
      listener: (_incoming, outgoing) => {
        outgoing.once('close', () => ended.resolve());
        outgoing.writeHead(200).write('first');
      },
    });
    const httpPort = Number(http.address.split(':').at(-1));
    await using front = await activator({ samplers: { httpPort } });
    front.addresses.push(behind.address);
    const leave = new AbortController();
    const response = await front.post(COMPLETION, { signal: leave.signal });
    await response.body?.getReader().read();
    leave.abort();
    await ended.promise;
  });

  test('health checks and unknown paths wake nobody', async () => {
    await using front = await activator();
    expect((await front.get('/health')).status).toBe(200);
    const unknown = await front.get('/v2/models');
    expect([unknown.status, await unknown.text()]).toEqual([404, expect.stringContaining('UNKNOWN_PATH')]);
    expect(front.workloads.scalings).toEqual([]);
  });

  test('a request that waited in vain is told why, and when to come again', async () => {
    await using front = await activator({ waitMs: 1_200 });
    const obstacle = { name: 'sampler-x', reason: 'Unschedulable', message: 'no room' };
    front.workloads.change('sampler', { obstacles: [obstacle] });
    const response = await front.post(COMPLETION);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '10']);
    expect(await response.json()).toMatchObject({
      error: { code: 'NO_SAMPLER_READY', message: expect.stringContaining('pod sampler-x is Unschedulable (no room)') },
    });
  });

  test('with mutual TLS and tokens, callers are checked here, and the sampler is called with this replica’s token', async () => {
    const authority = await certificateAuthority();
    const identity = await authority.issue();
    const access = `read,score token ${token('a')}\nscore token ${token('b')}\n`;
    const { security } = await secured({ tls: 'mutual', identity, authority, access, token: token('a') });
    using _ = security;
    await using sampler = await startTestSampler(model, { security });
    await using front = await activator({ security, samplers: { httpPort: sampler.httpPort } });
    front.addresses.push(sampler.address);
    const post = (authorization: string | undefined) =>
      new Promise<[number | undefined, string]>((resolve, reject) => {
        const [host, port] = front.httpAddress.split(':');
        const headers = authorization === undefined ? {} : { authorization: `Bearer ${authorization}` };
        const tls = { ca: authority.certificate, cert: identity.certificate, key: identity.key };
        const options = { ...{ ...tls, host, port }, method: 'POST', path: '/v1/completions', headers };
        const request = httpsRequest(options, (response) => {
          textOf(response).then((body) => resolve([response.statusCode, body]), reject);
        });
        request.once('error', reject);
        request.end(JSON.stringify(COMPLETION));
      });
    expect(await post(undefined)).toEqual([401, expect.stringContaining('TOKEN_MISSING')]);
    expect(front.workloads.state('sampler').annotations).toEqual({});
    expect(await post(token('b'))).toEqual([200, expect.stringContaining('text_completion')]);
  });
});
