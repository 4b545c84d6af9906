import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EventLogger, openConfiguredLog, silentLogger } from '@alphapo/messaging';
import { startOwnKafka, type TestBroker } from '../kafka/broker.ts';
import { whyNoJava } from '../kafka/installation.ts';
import { inline, loginSettings, tlsSettings } from '../kafka/listener-security.ts';
import { type Authority, certificateAuthority, writeIdentity } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { createTopic, numbered, valuesSoon } from './messaging-contract.ts';

const USER = 'alice';
const PASSWORD = 'correct-horse-battery';
const WRONG = 'wrong-horse-battery';

const missing = await whyNoJava();
const describeSecured = missing === undefined ? describe : describe.skip;

describeSecured(`brokers that want TLS and a password${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let authority: Authority;
  let broker: TestBroker;
  let brokers: { readonly sasl: string; readonly mutual: string; readonly expired: string };
  let folder: string;
  let ca: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    authority = await certificateAuthority();
    ca = await file('ca.pem', authority.certificate);
    const identity = await authority.issue();
    const expired = await authority.issue({ validity: 'expired' });
    const [sasl, mutual, past] = [await freePort(), await freePort(), await freePort()];
    broker = await startOwnKafka(
      [
        {
          protocol: 'SASL_SSL',
          port: sasl,
          advertisedPort: sasl,
          settings: {
            ...tlsSettings(identity),
            ...loginSettings(USER, PASSWORD),
          },
        },
        {
          protocol: 'SSL',
          port: mutual,
          advertisedPort: mutual,
          settings: {
            ...tlsSettings(identity),
            'ssl.client.auth': 'required',
            'ssl.truststore.type': 'PEM',
            'ssl.truststore.certificates': inline(authority.certificate),
          },
        },
        { protocol: 'SSL', port: past, advertisedPort: past, settings: tlsSettings(expired) },
      ],
      ['256', '512'].map((bits) => `SCRAM-SHA-${bits}=[name=${USER},password=${PASSWORD}]`),
    );
    brokers = { sasl: `127.0.0.1:${sasl}`, mutual: `127.0.0.1:${mutual}`, expired: `127.0.0.1:${past}` };
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  async function file(name: string, content: string): Promise<string> {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  }

  const tls = () => ({ KAFKA_TLS: 'on', KAFKA_TLS_CA: ca });
  const login = (mechanism: string, password = PASSWORD) => ({
    KAFKA_BROKERS: brokers.sasl,
    ...tls(),
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_USERNAME: USER,
    KAFKA_PASSWORD: password,
  });
  const open = (environment: NodeJS.ProcessEnv, logger: EventLogger = silentLogger) =>
    openConfiguredLog({ environment }, { clientId: 'secured', logger });

  test.each(['scram-sha-512', 'scram-sha-256', 'plain'])('records go and come with %s over TLS', async (mechanism) => {
    await using log = await open(login(mechanism));
    const topic = await createTopic(log);
    await log.append(numbered(topic, 2));
    expect(await valuesSoon(log, topic, 2)).toHaveLength(2);
    await using writer = await log.writer(`secured-${mechanism}`);
    await writer.write([{ topic, partition: 0, value: 'fenced' }]);
    expect(await valuesSoon(log, topic, 3)).toContain('fenced');
  });

  test('a password comes from a file as well', async () => {
    const { KAFKA_PASSWORD: _password, ...rest } = login('scram-sha-512');
    await using log = await open({ ...rest, KAFKA_PASSWORD_FILE: await file('password', `${PASSWORD}\n`) });
    expect(await createTopic(log)).toEqual(expect.any(String));
  });

  test.each(['scram-sha-512', 'plain'])(
    'a wrong password is refused with %s, and stands in no log or error',
    async (mechanism) => {
      const logged: string[] = [];
      const opening = open(login(mechanism, WRONG), (...event) => void logged.push(JSON.stringify(event)));
      const error = await opening.then(
        () => undefined,
        (caught: Error) => caught,
      );
      expect(error).toMatchObject({ code: 'failed-precondition', reason: 'KAFKA_REFUSED' });
      expect(error?.message).toMatch(/KAFKA_USERNAME/);
      const everything = `${logged.join('')}${allOf(error)}`;
      expect(everything).not.toContain(WRONG);
      expect(everything).not.toContain(Buffer.from(WRONG).toString('base64'));
    },
  );

  test('a broker of another authority is not spoken to', async () => {
    const other = await file('other.pem', (await certificateAuthority('other')).certificate);
    const opening = open({ ...login('scram-sha-512'), KAFKA_TLS_CA: other });
    await expect(opening).rejects.toMatchObject({ reason: 'KAFKA_UNREACHABLE' });
    await expect(opening).rejects.toThrow(/certificate.*KAFKA_TLS_CA/);
  });

  test('a broker whose certificate has expired is not spoken to', async () => {
    const opening = open({ KAFKA_BROKERS: brokers.expired, ...tls() });
    await expect(opening).rejects.toMatchObject({ reason: 'KAFKA_UNREACHABLE' });
    await expect(opening).rejects.toThrow(/expired/);
  });

  test('a broker that wants a certificate takes one of its authority, and no client without', async () => {
    const files = await writeIdentity(folder, 'client', await authority.issue());
    const environment = { KAFKA_BROKERS: brokers.mutual, ...tls() };
    await using log = await open({ ...environment, KAFKA_TLS_CERT: files.certificate, KAFKA_TLS_KEY: files.key });
    expect(await createTopic(log)).toEqual(expect.any(String));
    await expect(open(environment)).rejects.toMatchObject({ reason: 'KAFKA_UNREACHABLE' });
  });

  test('plaintext to a broker that speaks TLS is an error that names TLS', async () => {
    await expect(open({ KAFKA_BROKERS: brokers.sasl })).rejects.toThrow(/KAFKA_TLS/);
  });
});

describe('settings that cannot be', () => {
  const opening = (environment: NodeJS.ProcessEnv) =>
    openConfiguredLog(
      { environment: { KAFKA_BROKERS: '127.0.0.1:1', ...environment } },
      { clientId: 'test', logger: silentLogger },
    );

  test.each([
    [
      'a password that travels in plaintext',
      { KAFKA_SASL_MECHANISM: 'plain', KAFKA_USERNAME: 'a', KAFKA_PASSWORD: 'bcd' },
    ],
    ['no user', { KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_PASSWORD: 'bcd' }],
    ['no password', { KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_USERNAME: 'a' }],
    ['a password twice', { KAFKA_PASSWORD: 'bcd', KAFKA_PASSWORD_FILE: '/password' }],
    ['a password without a mechanism', { KAFKA_PASSWORD: 'bcd' }],
    ['another mechanism', { KAFKA_SASL_MECHANISM: 'gssapi' }],
    ['authorities without TLS', { KAFKA_TLS_CA: '/ca.pem' }],
    ['a key without a certificate', { KAFKA_TLS: 'on', KAFKA_TLS_KEY: '/key.pem' }],
    ['authorities that are not there', { KAFKA_TLS: 'on', KAFKA_TLS_CA: '/nowhere/ca.pem' }],
  ])('%s', async (_what, environment) => {
    const refused = opening(environment);
    await expect(refused).rejects.toMatchObject({ code: 'invalid-argument', reason: 'INVALID_CONFIGURATION' });
    await expect(refused).rejects.toThrow(/^KAFKA_/);
    await expect(refused).rejects.not.toThrow(/bcd/);
  });
});

/** Every message and stack of an error and of those behind it. */
function allOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.message}${error.stack}${JSON.stringify(error)}${error.cause === undefined ? '' : allOf(error.cause)}`;
}
