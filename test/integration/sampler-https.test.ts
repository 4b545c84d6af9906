import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { RpcSecurity } from '@alphapo/rpc';
import { type Authority, certificateAuthority, type Identity, writeIdentity } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startTestSampler } from './sampler.fixture.ts';
import { silent, smallModel, until } from './services.fixture.ts';

/** The HTTP API with the certificates and the access list of gRPC. */

const token = (character: string) => character.repeat(32);
const ACCESS = `
score,read  token ${token('a')}
read        token ${token('r')}
`;
const BY_CERTIFICATE = 'score       certificate CN=asker\n';
const RELOAD_MS = 20;

async function start(mode: 'on' | 'mutual') {
  const folder = await temporaryFolder();
  const authority = await certificateAuthority();
  const files = await writeIdentity(folder, 'sampler', await authority.issue({ commonName: 'first' }));
  const [authorities, access] = [join(folder, 'ca.pem'), join(folder, 'access')];
  await writeFile(authorities, authority.certificate);
  await writeFile(access, mode === 'mutual' ? ACCESS + BY_CERTIFICATE : ACCESS);
  const security = await RpcSecurity.open(
    {
      tls: { mode, identity: files, authorities, serverName: undefined },
      ...{ token: undefined, healthAddress: undefined },
      access: { kind: 'file', variable: 'ALPHAPO_ACCESS_FILE', path: access },
    },
    { logger: silent, reloadMs: RELOAD_MS },
  );
  const sampler = await startTestSampler(await smallModel(), { security });
  return {
    ...{ authority, files, folder, port: new URL(sampler.url).port },
    async [Symbol.asyncDispose]() {
      await sampler[Symbol.asyncDispose]();
      security[Symbol.dispose]();
    },
  };
}

interface Asked {
  readonly authority: Authority;
  readonly port: string;
  readonly bearer?: string;
  readonly identity?: Identity;
}

/** Status and text of an answer, and the name in the server's certificate. */
async function ask(path: string, body: object | undefined, { authority, port, bearer, identity }: Asked) {
  const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  const tls = { ca: authority.certificate, cert: identity?.certificate, key: identity?.key, agent: false as const };
  const call = request(`https://localhost:${port}/v1${path}`, { method: body ? 'POST' : 'GET', headers, ...tls });
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; said: string; server: string }>();
  call.once('error', reject).once('response', async (response) => {
    const server = (response.socket as import('node:tls').TLSSocket).getPeerCertificate().subject.CN as string;
    resolve({ status: response.statusCode ?? 0, said: await text(response), server });
  });
  call.end(body && JSON.stringify(body));
  return promise;
}

const COMPLETION = { model: 'small', prompt: 'a', max_tokens: 1 };

test('a token may do what the access list says of it, over TLS only', async () => {
  await using sampler = await start('on');
  const as = (bearer?: string) => ({ ...sampler, ...(bearer === undefined ? {} : { bearer }) });
  expect(await ask('/completions', COMPLETION, as(token('a')))).toMatchObject({ status: 200 });
  expect(await ask('/models', undefined, as(token('r')))).toMatchObject({ status: 200 });
  const scope = await ask('/completions', COMPLETION, as(token('r')));
  expect(scope).toMatchObject({ status: 403, said: expect.stringContaining('needs the scope score') });
  for (const [bearer, reason] of [
    [undefined, 'TOKEN_MISSING'],
    [token('z'), 'TOKEN_UNKNOWN'],
  ] as const) {
    const refused = await ask('/completions', COMPLETION, as(bearer));
    expect(refused).toMatchObject({ status: 401, said: expect.stringContaining(reason) });
    expect(refused.said).not.toContain(token('z'));
  }
  await expect(fetch(`http://localhost:${sampler.port}/v1/models`)).rejects.toThrow();
});

test('with mutual TLS a certificate counts by its name, and none is refused at the door', async () => {
  await using sampler = await start('mutual');
  const by = async (commonName: string) => ({ ...sampler, identity: await sampler.authority.issue({ commonName }) });
  expect(await ask('/completions', COMPLETION, await by('asker'))).toMatchObject({ status: 200 });
  const stranger = await ask('/completions', COMPLETION, await by('stranger'));
  expect(stranger).toMatchObject({ status: 401, said: expect.stringContaining('certificate is not named') });
  await expect(ask('/completions', COMPLETION, sampler)).rejects.toThrow();
});

test('new connections are served with a certificate that was exchanged', async () => {
  await using sampler = await start('on');
  const asked = { ...sampler, bearer: token('r') };
  expect(await ask('/models', undefined, asked)).toMatchObject({ server: 'first' });
  await writeIdentity(sampler.folder, 'sampler', await sampler.authority.issue({ commonName: 'second' }));
  await until(async () => (await ask('/models', undefined, asked)).server === 'second');
});
