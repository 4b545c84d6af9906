import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { messageOf } from '@alphapo/base';
import { invalidConfiguration, readSecret, type SettingSources, secretSource, type ValuesOf } from '@alphapo/settings';
import { eventLogSettings } from '../event-log-settings.ts';
import type { KafkaCredentials, KafkaOptions } from './options.ts';

type Values = ValuesOf<typeof eventLogSettings>;

const TLS_KEYS = ['kafkaTlsCa', 'kafkaTlsCert', 'kafkaTlsKey', 'kafkaTlsServerName'] as const;

const variableOf = (key: (typeof TLS_KEYS)[number]) => eventLogSettings[key].variable;

/**
 * How to get at brokers that want TLS or a password, from settings (docs/security.md). Files are read once: a
 * new certificate or password takes a restart. Errors: INVALID_CONFIGURATION with the variable.
 */
export async function kafkaSecurityFrom(
  values: Values,
  sources: SettingSources,
): Promise<Pick<KafkaOptions, 'ssl' | 'sasl'>> {
  const [ssl, sasl] = [await tlsFrom(values), await credentialsFrom(values, sources)];
  if (sasl?.mechanism === 'plain' && ssl === undefined) {
    throw invalidConfiguration(
      'KAFKA_SASL_MECHANISM',
      'plain sends the password itself; set KAFKA_TLS to on, or use scram-sha-512',
    );
  }
  return { ...(ssl && { ssl }), ...(sasl && { sasl }) };
}

async function tlsFrom(values: Values): Promise<ConnectionOptions | undefined> {
  if (values.kafkaTls === 'off') {
    const set = TLS_KEYS.find((key) => values[key] !== undefined);
    if (set === undefined) return undefined;
    throw invalidConfiguration(variableOf(set), 'is set, but KAFKA_TLS is off; set that to on, or remove this');
  }
  if ((values.kafkaTlsCert === undefined) !== (values.kafkaTlsKey === undefined)) {
    throw invalidConfiguration('KAFKA_TLS_CERT', 'and KAFKA_TLS_KEY belong together; set both or neither');
  }
  const ca = await pem(values, 'kafkaTlsCa', (text) => new X509Certificate(text));
  const cert = await pem(values, 'kafkaTlsCert', (text) => new X509Certificate(text));
  const key = await pem(values, 'kafkaTlsKey', createPrivateKey);
  const servername = values.kafkaTlsServerName;
  const given = Object.entries({ ca, cert, key, servername }).filter(([, value]) => value !== undefined);
  return { minVersion: 'TLSv1.2', ...Object.fromEntries(given) };
}

async function pem(
  values: Values,
  key: 'kafkaTlsCa' | 'kafkaTlsCert' | 'kafkaTlsKey',
  parse: (text: string) => unknown,
): Promise<string | undefined> {
  const file = values[key];
  if (file === undefined) return undefined;
  try {
    const text = await readFile(file, 'utf8');
    parse(text);
    return text;
  } catch (error) {
    throw invalidConfiguration(variableOf(key), `names ${file}, which cannot be read as PEM: ${messageOf(error)}`);
  }
}

async function credentialsFrom(
  { kafkaSasl: mechanism, kafkaUsername: username }: Values,
  sources: SettingSources,
): Promise<KafkaCredentials | undefined> {
  const source = secretSource(sources, 'kafkaPasswordFile', 'KAFKA_PASSWORD');
  if (mechanism === undefined) {
    const set = source?.variable ?? (username === undefined ? undefined : 'KAFKA_USERNAME');
    if (set === undefined) return undefined;
    throw invalidConfiguration(set, 'is set, but KAFKA_SASL_MECHANISM is not; set that, or remove this');
  }
  if (username === undefined) throw invalidConfiguration('KAFKA_USERNAME', `is missing: ${mechanism} needs a user`);
  if (source === undefined) {
    throw invalidConfiguration(
      'KAFKA_PASSWORD_FILE',
      `is missing: ${mechanism} needs a password, in a file or in KAFKA_PASSWORD`,
    );
  }
  return { mechanism, username, password: await readSecret(source) };
}
