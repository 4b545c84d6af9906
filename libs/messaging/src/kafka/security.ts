import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { AlphapoError, messageOf } from '@alphapo/base';
import { parseEnvironment, readSecret, secretSource } from '@alphapo/contracts';
import { z } from 'zod';
import type { KafkaCredentials, KafkaOptions } from './options.ts';

const environmentSchema = z.object({
  KAFKA_TLS: z.enum(['off', 'on']).default('off').describe('whether brokers are spoken to over TLS'),
  KAFKA_TLS_CA: z.string().optional().describe('PEM file of the authorities that are trusted'),
  KAFKA_TLS_CERT: z.string().optional().describe('PEM file of the client’s certificate'),
  KAFKA_TLS_KEY: z.string().optional().describe('PEM file of its private key'),
  KAFKA_TLS_SERVER_NAME: z.string().optional().describe('name that brokers’ certificates must have'),
  KAFKA_SASL_MECHANISM: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
    .optional()
    .describe('how the client says who it is'),
  KAFKA_USERNAME: z.string().min(1).optional().describe('user of the brokers'),
});

type Environment = z.infer<typeof environmentSchema>;
const TLS_VARIABLES = ['KAFKA_TLS_CA', 'KAFKA_TLS_CERT', 'KAFKA_TLS_KEY', 'KAFKA_TLS_SERVER_NAME'] as const;

/**
 * How to get at brokers that want TLS or a password, from environment variables (docs/security.md). Files are read once: a
 * new certificate or password takes a restart. Errors: INVALID_CONFIGURATION with the variable.
 */
export async function kafkaSecurityFrom(environment: NodeJS.ProcessEnv): Promise<Pick<KafkaOptions, 'ssl' | 'sasl'>> {
  const parsed = parseEnvironment(environmentSchema, environment);
  const [ssl, sasl] = [await tlsFrom(parsed), await credentialsFrom(parsed, environment)];
  if (sasl?.mechanism === 'plain' && ssl === undefined) {
    throw invalid('KAFKA_SASL_MECHANISM', 'plain sends the password itself: set KAFKA_TLS to on, or use scram-sha-512');
  }
  return { ...(ssl && { ssl }), ...(sasl && { sasl }) };
}

async function tlsFrom(parsed: Environment): Promise<ConnectionOptions | undefined> {
  if (parsed.KAFKA_TLS === 'off') {
    const set = TLS_VARIABLES.find((variable) => parsed[variable] !== undefined);
    if (set !== undefined) throw invalid(set, 'is set, but KAFKA_TLS is off: set that to on, or leave this out');
    return undefined;
  }
  if ((parsed.KAFKA_TLS_CERT === undefined) !== (parsed.KAFKA_TLS_KEY === undefined)) {
    throw invalid('KAFKA_TLS_CERT', 'and KAFKA_TLS_KEY belong together: set both, or none');
  }
  const ca = await pem(parsed, 'KAFKA_TLS_CA', (text) => new X509Certificate(text));
  const cert = await pem(parsed, 'KAFKA_TLS_CERT', (text) => new X509Certificate(text));
  const key = await pem(parsed, 'KAFKA_TLS_KEY', createPrivateKey);
  const servername = parsed.KAFKA_TLS_SERVER_NAME;
  const given = Object.entries({ ca, cert, key, servername }).filter(([, value]) => value !== undefined);
  return { minVersion: 'TLSv1.2', ...Object.fromEntries(given) };
}

async function pem(
  parsed: Environment,
  variable: 'KAFKA_TLS_CA' | 'KAFKA_TLS_CERT' | 'KAFKA_TLS_KEY',
  parse: (text: string) => unknown,
): Promise<string | undefined> {
  const file = parsed[variable];
  if (file === undefined) return undefined;
  try {
    const text = await readFile(file, 'utf8');
    parse(text);
    return text;
  } catch (error) {
    throw invalid(variable, `names ${file}, which cannot be read as PEM: ${messageOf(error)}`);
  }
}

async function credentialsFrom(
  { KAFKA_SASL_MECHANISM: mechanism, KAFKA_USERNAME: username }: Environment,
  environment: NodeJS.ProcessEnv,
): Promise<KafkaCredentials | undefined> {
  const source = secretSource(environment, 'KAFKA_PASSWORD');
  if (mechanism === undefined) {
    const set = source?.variable ?? (username === undefined ? undefined : 'KAFKA_USERNAME');
    if (set !== undefined)
      throw invalid(set, 'is set, but KAFKA_SASL_MECHANISM is not: say how to log in, or leave it out');
    return undefined;
  }
  if (username === undefined) throw invalid('KAFKA_USERNAME', `is missing: ${mechanism} needs a user`);
  if (source === undefined) {
    throw invalid('KAFKA_PASSWORD_FILE', `is missing: ${mechanism} needs a password, in a file or in KAFKA_PASSWORD`);
  }
  return { mechanism, username, password: await readSecret(source) };
}

function invalid(variable: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_CONFIGURATION', `${variable} ${problem}`, {
    metadata: { variable },
  });
}
