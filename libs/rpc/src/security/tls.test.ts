import { rename, writeFile } from 'node:fs/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ScorerServiceDefinition } from '@alphapo/contracts';
import { type Authority, certificateAuthority } from '../../../../test/support/certificates.ts';
import { connect } from '../client.ts';
import { HealthClient } from '../health-client.ts';
import { SCORE, SOON, serve } from '../scorer.fixture.ts';
import type { RpcSecurity } from './rpc-security.ts';
import { RELOAD_MS, secured } from './security.fixture.ts';

let authority: Authority;
let other: Authority;
beforeAll(async () => {
  [authority, other] = await Promise.all([certificateAuthority(), certificateAuthority('another authority')]);
});

const score = async (address: string, security?: RpcSecurity) => {
  using connection = connect(ScorerServiceDefinition, address, security);
  return await connection.score(SCORE, SOON);
};
const server = async (tls: 'on' | 'mutual' = 'on', identity = authority.issue()) =>
  (await secured({ tls, identity: await identity, authority })).security;
const client = async (options: { identity?: Authority; trusts?: Authority; more?: Record<string, string> } = {}) => {
  const identity = await options.identity?.issue();
  const { more = {}, trusts = authority } = options;
  const settings = { tls: 'on', authority: trusts, more, ...(identity && { identity }) } as const;
  return (await secured(settings)).security;
};
const unreachable = { code: 'unavailable' };

describe('with TLS', () => {
  test('a client that trusts the authority calls, and asks for health', async () => {
    const { server: running } = await serve({}, { security: await server() });
    await using _ = running;
    await expect(score(running.address, await client())).resolves.toMatchObject({ results: [] });
    using health = new HealthClient(running.address, await client());
    expect(await health.check()).toBe('SERVING');
  });

  test('a client without TLS gets nothing', async () => {
    const { server: running } = await serve({}, { security: await server() });
    await using _ = running;
    await expect(score(running.address)).rejects.toMatchObject(unreachable);
  });

  test('a server of another authority is refused, and the message says why', async () => {
    const { server: running } = await serve({}, { security: await server('on', other.issue()) });
    await using _ = running;
    const refused = score(running.address, await client());
    await expect(refused).rejects.toMatchObject(unreachable);
    await expect(refused).rejects.toThrow(/certificate/);
  });

  test('an expired certificate is refused, and the message says why', async () => {
    const { server: running } = await serve(
      {},
      { security: await server('on', authority.issue({ validity: 'expired' })) },
    );
    await using _ = running;
    const refused = score(running.address, await client());
    await expect(refused).rejects.toMatchObject(unreachable);
    await expect(refused).rejects.toThrow(/expired/);
  });

  test('a certificate of another host is refused, unless the client expects that name', async () => {
    const identity = authority.issue({ dns: ['scorer.internal'], ip: [] });
    const { server: running } = await serve({}, { security: await server('on', identity) });
    await using _ = running;
    await expect(score(running.address, await client())).rejects.toMatchObject(unreachable);
    const expecting = await client({ more: { ALPHAPO_TLS_SERVER_NAME: 'scorer.internal' } });
    await expect(score(running.address, expecting)).resolves.toMatchObject({ results: [] });
  });

  test('versions before 1.2 are refused', async () => {
    const { server: running } = await serve({}, { security: await server() });
    await using _ = running;
    const [host, port] = running.address.split(':');
    const connection = (version: 'TLSv1.1' | 'TLSv1.2') =>
      new Promise<string | null>((resolve, reject) => {
        const options = { minVersion: 'TLSv1', maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
        const socket: TLSSocket = connectTls(
          { host, port: Number(port), rejectUnauthorized: false, ...options },
          () => {
            resolve(socket.getProtocol());
            socket.destroy();
          },
        );
        socket.on('error', reject);
      });
    await expect(connection('TLSv1.2')).resolves.toBe('TLSv1.2');
    await expect(connection('TLSv1.1')).rejects.toThrow(/protocol version/);
  });
});

describe('with mutual TLS', () => {
  test('a client with a certificate of the authority may do everything', async () => {
    const { server: running } = await serve({}, { security: await server('mutual') });
    await using _ = running;
    const known = await client({ identity: authority });
    await expect(score(running.address, known)).resolves.toMatchObject({ results: [] });
  });

  test('a client without a certificate is refused', async () => {
    const { server: running } = await serve({}, { security: await server('mutual') });
    await using _ = running;
    await expect(score(running.address, await client())).rejects.toMatchObject(unreachable);
  });

  test('a client whose certificate has expired is refused', async () => {
    const { server: running } = await serve({}, { security: await server('mutual') });
    await using _ = running;
    const identity = await authority.issue({ validity: 'expired' });
    const { security } = await secured({ tls: 'on', identity, authority });
    await expect(score(running.address, security)).rejects.toMatchObject(unreachable);
  });

  test('a client with a certificate of another authority is refused', async () => {
    const { server: running } = await serve({}, { security: await server('mutual') });
    await using _ = running;
    const stranger = await client({ identity: other });
    await expect(score(running.address, stranger)).rejects.toMatchObject(unreachable);
  });
});

test('health is answered in plaintext on a port of its own, and nothing else is', async () => {
  const identity = await authority.issue();
  const more = { ALPHAPO_HEALTH_ADDRESS: '127.0.0.1:0' };
  const { security } = await secured({ tls: 'mutual', identity, authority, more });
  const { server: running } = await serve({}, { security });
  await using _ = running;
  const address = running.healthAddress as string;
  using health = new HealthClient(address);
  expect(await health.check('alphapo.v1.ScorerService')).toBe('SERVING');
  running.setServing(false);
  expect(await health.check()).toBe('NOT_SERVING');
  await expect(score(address)).rejects.toMatchObject({ code: 'unimplemented' });
});

describe('certificates that change on disk', () => {
  test('are used by new connections, of servers and of clients, without a restart', async () => {
    const mine = await secured({ tls: 'mutual', identity: await authority.issue(), authority });
    const theirs = await secured({ tls: 'mutual', identity: await authority.issue(), authority });
    const { server: running } = await serve({}, { security: mine.security });
    await using _ = running;
    await expect(score(running.address, theirs.security)).resolves.toMatchObject({ results: [] });
    for (const { folder, environment } of [mine, theirs]) {
      const fresh = await other.issue();
      await replace(`${folder}/identity-key.pem`, fresh.key);
      await replace(`${folder}/identity.pem`, fresh.certificate);
      await replace(environment.ALPHAPO_TLS_CA as string, other.certificate);
    }
    await waitForReload();
    const stale = await client({ identity: authority });
    await expect(score(running.address, stale)).rejects.toMatchObject(unreachable);
    await expect(score(running.address, theirs.security)).resolves.toMatchObject({ results: [] });
  });

  test('stay as they were where the new ones are broken', async () => {
    const mine = await secured({ tls: 'on', identity: await authority.issue(), authority });
    const { server: running } = await serve({}, { security: mine.security });
    await using _ = running;
    await replace(`${mine.folder}/identity.pem`, (await authority.issue()).certificate);
    await waitForReload();
    await expect(score(running.address, await client())).resolves.toMatchObject({ results: [] });
  });
});

describe('settings that cannot be', () => {
  test.each([
    ['a certificate, but no TLS', { ALPHAPO_TLS_CERT: 'a.pem' }, /ALPHAPO_TLS_CERT is set, but ALPHAPO_TLS is off/],
    ['a certificate without its key', { ALPHAPO_TLS: 'on', ALPHAPO_TLS_CERT: 'a.pem' }, /ALPHAPO_TLS_KEY is missing/],
    [
      'mutual TLS without a certificate',
      { ALPHAPO_TLS: 'mutual', ALPHAPO_TLS_CA: 'a' },
      /ALPHAPO_TLS_CERT is required/,
    ],
    ['a mode that there is not', { ALPHAPO_TLS: 'yes' }, /ALPHAPO_TLS/],
    ['a file that is not there', { ALPHAPO_TLS: 'on', ALPHAPO_TLS_CA: '/nowhere/ca.pem' }, /\/nowhere\/ca\.pem/],
  ])('%s', async (_what, more, message) => {
    await expect(secured({ more })).rejects.toThrow(message);
    await expect(secured({ more })).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('a key that belongs to another certificate is named', async () => {
    const [one, two] = [await authority.issue(), await authority.issue()];
    const identity = { certificate: one.certificate, key: two.key };
    await expect(secured({ tls: 'on', identity, authority })).rejects.toMatchObject({ reason: 'INVALID_TLS_FILE' });
    await expect(secured({ tls: 'on', identity, authority })).rejects.toThrow(/identity-key\.pem is not the key of/);
  });

  test('a server without a certificate does not start', async () => {
    const { security } = await secured({ tls: 'on', authority });
    await expect(serve({}, { security })).rejects.toThrow(/ALPHAPO_TLS_CERT and ALPHAPO_TLS_KEY are required/);
  });
});

/** As tools that exchange certificates do it: the file is there at all times. */
async function replace(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content);
  await rename(`${file}.new`, file);
}

const waitForReload = () => new Promise((resolve) => setTimeout(resolve, 20 * RELOAD_MS));
