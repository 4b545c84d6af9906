import { type Command, Option } from 'commander';

/** An option and the environment variable that it stands for. */
export type EnvironmentOption = readonly [flags: string, variable: string, description: string];

/** Security of gRPC. Secrets are named by their files: what stands in a command line can be read by everybody. */
export const RPC_SECURITY: readonly EnvironmentOption[] = [
  ['--tls <off|on|mutual>', 'ALPHAPO_TLS', 'on: servers prove who they are; mutual: clients too'],
  ['--tls-cert <file>', 'ALPHAPO_TLS_CERT', 'certificate of this program, in PEM'],
  ['--tls-key <file>', 'ALPHAPO_TLS_KEY', 'its private key'],
  ['--tls-ca <file>', 'ALPHAPO_TLS_CA', "authorities that are trusted, in PEM; without it: the system's"],
  ['--tls-server-name <name>', 'ALPHAPO_TLS_SERVER_NAME', "name in the servers' certificates, if it is not their host"],
  ['--token-file <file>', 'ALPHAPO_TOKEN_FILE', 'token that is sent with calls'],
];

/** Security of gRPC for whoever serves it. */
export const RPC_SERVER_SECURITY: readonly EnvironmentOption[] = [
  ...RPC_SECURITY,
  [
    '--health-address <host:port>',
    'ALPHAPO_HEALTH_ADDRESS',
    'health checks alone: in plaintext, and at once however busy the server is',
  ],
  ['--access-file <file>', 'ALPHAPO_ACCESS_FILE', 'who may do what: docs/security.md'],
];

/** Where records are, and how to get at them. */
export const EVENT_LOG: readonly EnvironmentOption[] = [
  ['--brokers <host:port,…>', 'KAFKA_BROKERS', 'Kafka brokers'],
  ['--log <file>', 'ALPHAPO_LOG', 'embedded log instead of Kafka, for one machine'],
  ['--kafka-tls <off|on>', 'KAFKA_TLS', 'whether brokers are spoken to over TLS'],
  ['--kafka-tls-ca <file>', 'KAFKA_TLS_CA', "authorities that are trusted, in PEM; without it: the system's"],
  ['--kafka-tls-cert <file>', 'KAFKA_TLS_CERT', 'certificate of this program, where brokers ask for one'],
  ['--kafka-tls-key <file>', 'KAFKA_TLS_KEY', 'its private key'],
  ['--kafka-sasl <mechanism>', 'KAFKA_SASL_MECHANISM', 'plain, scram-sha-256 or scram-sha-512'],
  ['--kafka-username <name>', 'KAFKA_USERNAME', 'user of the brokers'],
  ['--kafka-password-file <file>', 'KAFKA_PASSWORD_FILE', "the user's password"],
];

export function addEnvironmentOptions(command: Command, options: readonly EnvironmentOption[]): Command {
  for (const [flags, variable, description] of options) command.option(flags, `${description} (${variable})`);
  return command;
}

/** The environment with the variables that a command's options stand for. */
export function environmentOf(options: readonly EnvironmentOption[], values: object): NodeJS.ProcessEnv {
  const given = new Map(Object.entries(values));
  const variables = options.flatMap(([flags, variable]) => {
    const value: unknown = given.get(new Option(flags).attributeName());
    return value === undefined ? [] : [[variable, value]];
  });
  return { ...process.env, ...Object.fromEntries(variables) };
}
