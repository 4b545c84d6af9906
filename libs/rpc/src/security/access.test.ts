import { writeFile } from 'node:fs/promises';
import { ScorerServiceDefinition } from '@alphapo/contracts';
import { createLogger } from '@alphapo/telemetry';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { type Authority, certificateAuthority } from '../../../../test/support/certificates.ts';
import { connect } from '../client.ts';
import { HealthClient } from '../health-client.ts';
import { GRADIENT, SCORE, SOON, serve } from '../scorer.fixture.ts';
import { AccessList } from './access-list.ts';
import type { RpcSecurity } from './rpc-security.ts';
import { RELOAD_MS, type SecuredOptions, secured, token } from './security.fixture.ts';

const PLAINTEXT = { more: { ALPHAPO_PLAINTEXT_TOKENS: 'allow' } };
const ACCESS = `
# two tokens that may score, while one is exchanged for the other
score          token ${token('a')}
score          token ${token('b')}
score,read     token ${token('c')}
control,read   token ${token('d')}
`;

const guarded = async (options: SecuredOptions = {}) =>
  serve({}, { security: (await secured({ access: ACCESS, ...PLAINTEXT, ...options })).security });
const caller = async (shown?: string) =>
  (await secured({ ...PLAINTEXT, ...(shown !== undefined && { token: shown }) })).security;
const score = async (address: string, security: RpcSecurity) => {
  using connection = connect(ScorerServiceDefinition, address, security);
  return await connection.score(SCORE, SOON);
};
const gradient = async (address: string, security: RpcSecurity) => {
  using connection = connect(ScorerServiceDefinition, address, security);
  return await Array.fromAsync(connection.gradient(GRADIENT, SOON));
};

describe('with an access list', () => {
  test.each(['a', 'b', 'c'])('token %s, which has the scope, is let through', async (digit) => {
    const { server } = await guarded();
    await using _ = server;
    await expect(score(server.address, await caller(token(digit)))).resolves.toMatchObject({ results: [] });
  });

  test.each([
    ['no token', undefined, 'TOKEN_MISSING'],
    ['a token that is not in the list', token('x'), 'TOKEN_UNKNOWN'],
    ['a token that is longer by a character', `${token('a')}a`, 'TOKEN_UNKNOWN'],
  ])('%s is UNAUTHENTICATED', async (_what, shown, reason) => {
    const { server } = await guarded();
    await using _ = server;
    const security = await caller(shown);
    await expect(score(server.address, security)).rejects.toMatchObject({ code: 'unauthenticated', reason });
    await expect(gradient(server.address, security)).rejects.toMatchObject({ code: 'unauthenticated', reason });
  });

  test('a token without the scope of a method is PERMISSION_DENIED, and the scope is named', async () => {
    const { server } = await guarded();
    await using _ = server;
    const denied = { code: 'permission-denied', reason: 'SCOPE_MISSING' };
    const scorer = await caller(token('a'));
    await expect(gradient(server.address, scorer)).rejects.toMatchObject({ ...denied, metadata: { scope: 'control' } });
    const control = await caller(token('d'));
    await expect(score(server.address, control)).rejects.toMatchObject({ ...denied, metadata: { scope: 'score' } });
    await expect(gradient(server.address, control)).resolves.toEqual([]);
  });

  test('something else than a bearer token is UNAUTHENTICATED', async () => {
    const { server } = await guarded();
    await using _ = server;
    const { code } = await rawCall(server.address, '/alphapo.v1.ScorerService/Score', 'Basic YTpi');
    expect(code).toBe(16);
  });

  test('health is answered without a token, reflection only with the scope read', async () => {
    const { server } = await guarded();
    await using _ = server;
    using health = new HealthClient(server.address);
    expect(await health.check()).toBe('SERVING');
    const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    expect((await rawCall(server.address, reflection, undefined)).code).toBe(16);
    expect((await rawCall(server.address, reflection, `Bearer ${token('a')}`)).code).toBe(7);
    expect((await rawCall(server.address, reflection, `Bearer ${token('c')}`)).code).toBe(0);
  });

  test('a list that changes on disk is followed: an old token stops, a new one starts', async () => {
    const { security, environment } = await secured({ access: ACCESS, ...PLAINTEXT });
    const { server } = await serve({}, { security });
    await using _ = server;
    const [old, fresh] = [await caller(token('a')), await caller(token('e'))];
    await expect(score(server.address, fresh)).rejects.toMatchObject({ code: 'unauthenticated' });
    await writeFile(environment.ALPHAPO_ACCESS_FILE as string, `score token ${token('e')}\n`);
    await new Promise((resolve) => setTimeout(resolve, 20 * RELOAD_MS));
    await expect(score(server.address, fresh)).resolves.toMatchObject({ results: [] });
    await expect(score(server.address, old)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('a token whose file changes is sent as it is now', async () => {
    const { server } = await guarded();
    await using _ = server;
    const { security, environment } = await secured({ token: token('x'), ...PLAINTEXT });
    await expect(score(server.address, security)).rejects.toMatchObject({ code: 'unauthenticated' });
    await writeFile(environment.ALPHAPO_TOKEN_FILE as string, token('a'));
    await new Promise((resolve) => setTimeout(resolve, 20 * RELOAD_MS));
    await expect(score(server.address, security)).resolves.toMatchObject({ results: [] });
  });
});

test('token and list come from variables as well as from files', async () => {
  const more = { ...PLAINTEXT.more, ALPHAPO_ACCESS: ACCESS, ALPHAPO_TOKEN: token('a') };
  const { security } = await secured({ more });
  const { server, connection } = await serve({}, { security });
  await using _ = server;
  await expect(connection.score(SCORE, SOON)).resolves.toMatchObject({ results: [] });
  connection[Symbol.dispose]();
  await expect(secured({ more, token: token('a') })).rejects.toThrow(/ALPHAPO_TOKEN_FILE/);
});

test.each(['a'.repeat(31), `${token('a')} b`, ''])(
  '%j is no token, neither for a client nor in a list',
  async (text) => {
    await expect(secured({ ...PLAINTEXT, token: text })).rejects.toMatchObject({ reason: 'INVALID_TOKEN' });
    expect(() => AccessList.parse(`score token ${text}`, 'list')).toThrow(
      expect.objectContaining({ reason: 'INVALID_ACCESS_LIST' }),
    );
  },
);

describe('tokens and plaintext', () => {
  test.each([
    ['a token', { token: token('a') }],
    ['an access list', { access: ACCESS }],
  ])('%s without TLS is refused unless it is allowed', async (_what, options) => {
    await expect(secured(options)).rejects.toThrow(/tokens need TLS.*ALPHAPO_PLAINTEXT_TOKENS/);
    await expect(secured({ ...options, ...PLAINTEXT })).resolves.toBeDefined();
  });
});

describe('with mutual TLS and an access list', () => {
  let authority: Authority;
  beforeAll(async () => {
    authority = await certificateAuthority();
  });
  const known = async (names: Parameters<Authority['issue']>[0], shown?: string) => {
    const options = { tls: 'mutual', identity: await authority.issue(names), authority } as const;
    return (await secured({ ...options, ...(shown !== undefined && { token: shown }) })).security;
  };
  const access = `control certificate DNS:optimizer.svc\nread certificate CN=dashboard\nscore token ${token('a')}`;
  const mutual = async () => guarded({ tls: 'mutual', identity: await authority.issue(), authority, access, more: {} });

  test('a certificate has the scopes that its names are given', async () => {
    const { server } = await mutual();
    await using _ = server;
    const optimizer = await known({ dns: ['optimizer.svc'] });
    await expect(gradient(server.address, optimizer)).resolves.toEqual([]);
    await expect(score(server.address, optimizer)).rejects.toMatchObject({ code: 'permission-denied' });
    const dashboard = await known({ commonName: 'dashboard' });
    await expect(score(server.address, dashboard)).rejects.toMatchObject({ code: 'permission-denied' });
  });

  test('a certificate that is not named has none', async () => {
    const { server } = await mutual();
    await using _ = server;
    const stranger = await known({ commonName: 'optimizer.svc', dns: ['scorer.svc'] });
    await expect(gradient(server.address, stranger)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining('the certificate is not named'),
    });
  });

  test('a name that looks like several is none of them', async () => {
    const { server } = await mutual();
    await using _ = server;
    const hostile = await known({ dns: ['a, DNS:optimizer.svc, b'] });
    await expect(gradient(server.address, hostile)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('a token adds its scopes to those of the certificate', async () => {
    const { server } = await mutual();
    await using _ = server;
    const both = await known({ dns: ['optimizer.svc'] }, token('a'));
    await expect(score(server.address, both)).resolves.toMatchObject({ results: [] });
    await expect(gradient(server.address, both)).resolves.toEqual([]);
  });
});

describe('a list that cannot be', () => {
  test.each([
    ['a scope that there is not', `write token ${token('a')}`, 'line 1 does not begin with scopes'],
    ['a short token', '\nscore token hunter2', 'line 2 has a token that is not 32 or more'],
    ['neither token nor certificate', `score ${token('a')}`, 'line 1 is not "SCOPES token TOKEN"'],
    ['a name without its kind', 'read certificate dashboard', 'line 1 names a certificate by DNS:'],
    ['nothing', '# nobody yet', 'grants no access'],
  ])('%s is refused with its line, and shows no token', (_what, text, message) => {
    const parse = () => AccessList.parse(text, 'access');
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/hunter2|aaaa/);
  });
});

test('no secret is in what is logged or thrown while tokens are opened, reloaded and refused', async () => {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ service: 'test', level: 'debug', stream });
  const { security, environment } = await secured({ access: ACCESS, token: token('z'), logger, ...PLAINTEXT });
  const { server } = await serve({}, { security });
  await using _ = server;
  logger.info('settings', { security, access: security.access?.current });
  const refused = await score(server.address, security).catch((error: Error) => error);
  logger.error('refused', { error: refused });
  await writeFile(environment.ALPHAPO_ACCESS_FILE as string, `writ token ${token('a')}`);
  await writeFile(environment.ALPHAPO_TOKEN_FILE as string, `${token('z')} ${token('y')}`);
  await new Promise((resolve) => setTimeout(resolve, 20 * RELOAD_MS));
  const logged = lines.join('');
  expect(logged).toContain('security.not-reloaded');
  expect(logged).toContain('TOKEN_UNKNOWN');
  for (const digit of ['a', 'b', 'c', 'd', 'y', 'z']) expect(logged).not.toContain(token(digit));
});

/** A call with a header of the test's own, and an empty request; resolves to its status. */
function rawCall(address: string, path: string, authorization: string | undefined): Promise<{ code: number }> {
  const client = new Client(address, credentials.createInsecure());
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  const asItIs = (bytes: Buffer) => bytes;
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(path, asItIs, asItIs, metadata, { deadline: Date.now() + 5_000 });
    call.on('status', resolve);
    call.on('error', () => {});
    call.on('data', () => {});
    if (path.includes('Reflection')) call.end();
    else call.end(Buffer.alloc(0));
  }).finally(() => client.close()) as Promise<{ code: number }>;
}
