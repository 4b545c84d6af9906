import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { smallModel } from '../integration/services.fixture.ts';
import { startOwnKafka } from '../kafka/broker.ts';
import { whyNoJava } from '../kafka/installation.ts';
import { loginSettings, tlsSettings } from '../kafka/listener-security.ts';
import { certificateAuthority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { missingProgram, runReadme } from './commands.ts';
import { type ExampleServices, exampleEnvironment, startExampleServices } from './example-services.ts';
import { expectWholeExample } from './expected-output.ts';

/** Every command of every README in examples/, against services and a Kafka of their own with TLS and logins. */

/** Builds fetch and compile their dependencies on first use. */
const LIMIT_MS = 30 * 60_000;
const USER = 'alice';
const PASSWORD = 'correct-horse-battery';

const noKafka = await whyNoJava();

test.each([
  ['python', ['python3']],
  ['go', ['go']],
  ['java', ['java', 'mvn']],
  ['typescript', ['node']],
])(
  'the commands of examples/%s/README.md train a run over Kafka',
  async (example, programs) => {
    if (await skipped(example, programs)) return;
    await using place = await startAll();
    const output = await runReadme(example, { environment: place.environment });
    await expectWholeExample(output, place.services);
  },
  LIMIT_MS,
);

test(
  'the commands of examples/grpcurl/README.md ask the services',
  async () => {
    if (await skipped('grpcurl', ['go'])) return;
    await using place = await startAll();
    const { tokenizer, scorer, optimizer, ca, tokenFile } = place.services;
    const bin = join(import.meta.dirname, '../../node_modules/.cache/grpcurl');
    // Somebody sends the pairs: grpcurl cannot.
    const sent = await runReadme('typescript', { environment: place.environment });
    expect(sent).toContain('FINISHED');
    const output = await runReadme('grpcurl', {
      environment: { GOBIN: bin, CGO_ENABLED: '0', PATH: `${bin}:${process.env.PATH}` },
      replacements: {
        'localhost:50051': tokenizer,
        'localhost:50052': scorer,
        'localhost:50053': optimizer,
        'ca.pem': ca,
        'operator.token': tokenFile,
      },
    });
    expect(output).toContain('"status": "SERVING"');
    expect(output).toMatch(/^alphapo\.v1\.ScorerService$/m);
    expect(output).toContain('message ScoreRequest {');
    expect(output).toContain('"encodings"');
    expect(output).toContain('"margin"');
    expect(output).toContain('"state": "RUN_STATE_FINISHED"');
    expect(output).toMatch(/"step": "2"/);
  },
  LIMIT_MS,
);

/** Whether something is missing; then it says so. */
async function skipped(example: string, programs: readonly string[]): Promise<boolean> {
  const missing = noKafka ?? (await missingProgram(programs));
  if (missing !== undefined) process.stderr.write(`examples/${example} is skipped: ${missing}\n`);
  return missing !== undefined;
}

interface Place extends AsyncDisposable {
  readonly services: ExampleServices;
  /** What examples/README.md says to set. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A broker with TLS and logins, and the services of a run of its own. */
async function startAll(): Promise<Place> {
  await using opened = new AsyncDisposableStack();
  const folder = await temporaryFolder();
  const file = async (name: string, content: string) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const authority = await certificateAuthority('brokers');
  const port = await freePort();
  opened.use(
    await startOwnKafka(
      [
        {
          ...{ protocol: 'SASL_SSL', port, advertisedPort: port, advertisedHost: 'localhost' },
          settings: { ...tlsSettings(await authority.issue()), ...loginSettings(USER, PASSWORD) },
        },
      ],
      [`SCRAM-SHA-512=[name=${USER},password=${PASSWORD}]`],
    ),
  );
  const kafka = {
    ...{ KAFKA_BROKERS: `localhost:${port}`, KAFKA_TLS_CA: await file('kafka-ca.pem', authority.certificate) },
    ...{ KAFKA_USERNAME: USER, KAFKA_PASSWORD_FILE: await file('kafka-password', `${PASSWORD}\n`) },
  };
  const ours = { ...kafka, KAFKA_TLS: 'on', KAFKA_SASL_MECHANISM: 'scram-sha-512' };
  const services = opened.use(
    await startExampleServices({ folder, model: await smallModel() }, ['--brokers', kafka.KAFKA_BROKERS], ours),
  );
  const owned = opened.move();
  return {
    services,
    environment: { ...exampleEnvironment(services), ...kafka },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
