import type { Command } from 'commander';

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
  ['--health-address <host:port>', 'ALPHAPO_HEALTH_ADDRESS', 'health checks in plaintext, for who speaks no TLS'],
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

/** Adds options; returns what makes the environment out of the values that the command was given. */
export function addEnvironmentOptions(
  command: Command,
  options: readonly EnvironmentOption[],
): (values: object) => NodeJS.ProcessEnv {
  const variables = new Map<string, string>();
  for (const [flags, variable, description] of options) {
    command.option(flags, `${description} (${variable})`);
    variables.set(command.options.at(-1)?.attributeName() ?? '', variable);
  }
  return (values) => {
    const given = Object.entries(values).flatMap(([key, value]) => {
      const variable = variables.get(key);
      return variable === undefined ? [] : [[variable, value]];
    });
    return { ...process.env, ...Object.fromEntries(given) };
  };
}
