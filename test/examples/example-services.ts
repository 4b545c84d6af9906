import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificateAuthority, writeIdentity } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { ServiceProcess } from '../support/processes.ts';

/** Tokenizer, scorer and optimizer of one run as processes with TLS and tokens, as the examples meet them. */

const TOKENS = { optimizer: 'o'.repeat(32), scorer: 's'.repeat(32), operator: 'p'.repeat(32) };
const ACCESS = `
control,read token ${TOKENS.optimizer}
read         token ${TOKENS.scorer}
read,score   token ${TOKENS.operator}
`;
/** examples/pairs.jsonl has eight pairs. */
const RUN = { learningRate: 0.01, batchSize: 4, steps: 2, shards: 2, loraRank: 2 };

export interface ExampleServices extends AsyncDisposable {
  readonly tokenizer: string;
  readonly scorer: string;
  readonly optimizer: string;
  /** PEM file of the authority that all certificates come from. */
  readonly ca: string;
  /** File with the token of whoever runs the examples. */
  readonly tokenFile: string;
}

/** `log`: options that say where records are; `environment`: variables about Kafka. Addresses have the host name `localhost`. */
export async function startExampleServices(
  { folder, model }: { readonly folder: string; readonly model: string },
  log: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ExampleServices> {
  await using opened = new AsyncDisposableStack();
  const authority = await certificateAuthority();
  const { certificate, key } = await writeIdentity(folder, 'services', await authority.issue());
  const file = async (name: string, content: string) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const ca = await file('ca.pem', authority.certificate);
  const secured = [
    ...['--tls', 'on', '--tls-cert', certificate, '--tls-key', key, '--tls-ca', ca],
    ...['--access-file', await file('access', ACCESS), '--model', model],
  ];
  const token = async (name: keyof typeof TOKENS) => file(`${name}.token`, `${TOKENS[name]}\n`);
  const ofRun = ['--run', await file('run.yaml', JSON.stringify(RUN)), ...log];
  const serve = (...args: readonly string[]) =>
    opened.use(new ServiceProcess(['serve', ...args, ...secured], { environment }));

  const optimizerAddress = `127.0.0.1:${await freePort()}`;
  const scorer = serve(
    ...['scorer', '--address', '127.0.0.1:0', '--threads', '1', '--optimizer', optimizerAddress],
    ...['--token-file', await token('scorer')],
  );
  const tokenizer = serve('tokenizer', '--address', '127.0.0.1:0', ...ofRun);
  const [scorerAddress, tokenizerAddress] = await Promise.all([scorer.address(), tokenizer.address()]);
  const optimizer = serve(
    ...['optimizer', '--address', optimizerAddress, '--scorers', scorerAddress, '--folder', join(folder, 'state')],
    ...[...ofRun, '--token-file', await token('optimizer')],
  );
  await optimizer.address();
  const owned = opened.move();
  return {
    tokenizer: byName(tokenizerAddress),
    scorer: byName(scorerAddress),
    optimizer: byName(optimizerAddress),
    ca,
    tokenFile: await token('operator'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const byName = (address: string) => address.replace('127.0.0.1', 'localhost');

/** The variables of examples/README.md. */
export function exampleEnvironment({ tokenizer, scorer, optimizer, ca, tokenFile }: ExampleServices) {
  return {
    ...{ TOKENIZER: tokenizer, SCORER: scorer, OPTIMIZER: optimizer },
    ...{ ALPHAPO_TLS_CA: ca, ALPHAPO_TOKEN_FILE: tokenFile },
  };
}
