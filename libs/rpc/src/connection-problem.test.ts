import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { OptimizerServiceDefinition } from '@alphapo/contracts';
import { status } from '@grpc/grpc-js';
import { type Authority, certificateAuthority } from '../../../test/support/certificates.ts';
import { connectionProblem } from './connection-problem.ts';
import { connect, type RpcSecurity } from './index.ts';
import { serve } from './scorer.fixture.ts';
import { secured } from './security/security.fixture.ts';

/** What a person reads where a command cannot reach its service. Real sockets, servers and certificates. */

let authority: Authority;
let other: Authority;
beforeAll(async () => {
  [authority, other] = await Promise.all([certificateAuthority(), certificateAuthority('another authority')]);
});

const opened = new AsyncDisposableStack();
afterAll(() => opened.disposeAsync());

/** Something at a port that is no gRPC server. */
async function listening(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    opened.defer(() => void socket.destroy());
    onSocket(socket.on('error', () => {}));
  }).listen(0, '127.0.0.1');
  opened.defer(() => void server.close());
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function served(security?: RpcSecurity): Promise<string> {
  const { server, connection } = await serve({}, security === undefined ? {} : { security });
  opened.use(server);
  opened.use(connection);
  return server.address;
}

async function tlsServer(tls: 'on' | 'mutual', issued = authority.issue()): Promise<string> {
  const { security } = await secured({ tls, identity: await issued, authority });
  return served(security);
}

async function tlsClient(trusted = authority): Promise<RpcSecurity> {
  return (await secured({ tls: 'on', authority: trusted })).security;
}

interface Attempt {
  readonly address: string;
  readonly security?: RpcSecurity;
}

test.each<[string, () => Promise<Attempt>, (address: string) => string | RegExp]>([
  [
    'nothing listens',
    async () => ({ address: '127.0.0.1:1' }),
    (address) => `nothing listens on ${address}; is the optimizer running there?`,
  ],
  [
    'the name is unknown',
    async () => ({ address: 'no-such-host.invalid:50053' }),
    (address) => `the host name of ${address} cannot be resolved here; check the address and DNS`,
  ],
  [
    'another protocol is spoken',
    async () => ({ address: await listening((socket) => socket.end('220 mail\r\n')) }),
    (address) => `${address} does not speak gRPC; check that it is the port of the optimizer`,
  ],
  [
    'connections are closed',
    async () => ({ address: await listening((socket) => socket.destroy()) }),
    (address) => new RegExp(`^${address} closes connections; it may require TLS \\(--tls on`),
  ],
  [
    'nobody answers',
    async () => ({ address: await listening(() => {}) }),
    (address) => new RegExp(`^${address} did not complete a connection in time`),
  ],
  [
    'another service is there',
    async () => ({ address: await served() }),
    (address) => `${address} is not the optimizer: it serves other methods; check the port`,
  ],
  [
    'the server requires TLS',
    async () => ({ address: await tlsServer('on') }),
    (address) => new RegExp(`^${address} closes connections; it may require TLS \\(--tls on`),
  ],
  [
    'the server has no TLS',
    async () => ({ address: await served(), security: await tlsClient() }),
    (address) => `${address} does not use TLS; set --tls off (ALPHAPO_TLS), or call a port with TLS`,
  ],
  [
    'the authority is unknown',
    async () => ({ address: await tlsServer('on'), security: await tlsClient(other) }),
    (address) => new RegExp(`^the certificate of ${address} is from an authority that is not trusted here; .*--tls-ca`),
  ],
  [
    'the certificate has expired',
    async () => ({
      address: await tlsServer('on', authority.issue({ validity: 'expired' })),
      security: await tlsClient(),
    }),
    (address) => new RegExp(`^the certificate of ${address} has expired`),
  ],
  [
    'the certificate has another name',
    async () => ({
      address: await tlsServer('on', authority.issue({ dns: ['scorer.internal'], ip: [] })),
      security: await tlsClient(),
    }),
    (address) => new RegExp(`^the certificate of ${address} is for another name; .*--tls-server-name`),
  ],
  [
    'a certificate of the client is missing',
    async () => ({ address: await tlsServer('mutual'), security: await tlsClient() }),
    (address) => new RegExp(`^${address} (requires a client certificate|closes connections)`),
  ],
])('where %s, the error says so and what to do', async (_what, prepare, expected) => {
  const { address, security } = await prepare();
  using connection = connect(OptimizerServiceDefinition, address, security);
  const call = connection.getStatus({}, { timeoutMs: 5_000 });
  const error = await call.then(
    () => ({ message: 'an answer' }),
    (failure: Error) => failure,
  );
  const wanted = expected(address);
  if (typeof wanted === 'string') expect(error.message).toBe(wanted);
  else expect(error.message).toMatch(wanted);
});

test.each([
  ['connect EHOSTUNREACH 10.0.0.1:1', /no network route/],
  ['connect ETIMEDOUT 10.0.0.1:1', /does not answer/],
  ['write EPROTO: alert unknown ca:SSL alert number 48', /rejects the certificate of this program/],
  ['unable to verify the first certificate', /not trusted here/],
])('what only a network shows has words too: %s', (error, words) => {
  const details = `No connection established. Last error: Error: ${error}. Resolution note: `;
  const call = { code: status.UNAVAILABLE, details, address: 'a:1', peer: 'scorer' };
  expect(connectionProblem(call)).toMatch(words);
});

test('other failures keep their own words', () => {
  const call = { address: 'a:1', peer: 'scorer' };
  expect(connectionProblem({ ...call, code: status.UNAVAILABLE, details: 'try later' })).toBeUndefined();
  expect(connectionProblem({ ...call, code: status.INTERNAL, details: 'ECONNREFUSED' })).toBeUndefined();
});
