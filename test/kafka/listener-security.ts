import type { Identity } from '../support/certificates.ts';

/** Settings of a listener that clients reach by TLS, and log in to. */

const LOGIN = 'org.apache.kafka.common.security';

/** One line of a properties file. */
export const inline = (pem: string): string => pem.trim().replaceAll('\n', '\\n');

/** The certificate that the listener shows. */
export function tlsSettings({ certificate, key }: Identity): Record<string, string> {
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': inline(certificate),
    'ssl.keystore.key': inline(key),
  };
}

/** Logins by SCRAM, of the users that the broker's storage was formatted with. */
export const SCRAM_SETTINGS: Readonly<Record<string, string>> = {
  'sasl.enabled.mechanisms': 'SCRAM-SHA-512,SCRAM-SHA-256',
  'scram-sha-512.sasl.jaas.config': `${LOGIN}.scram.ScramLoginModule required;`,
  'scram-sha-256.sasl.jaas.config': `${LOGIN}.scram.ScramLoginModule required;`,
};

/** Logins of one user by SCRAM and by PLAIN. */
export function loginSettings(user: string, password: string): Record<string, string> {
  return {
    ...SCRAM_SETTINGS,
    'sasl.enabled.mechanisms': `${SCRAM_SETTINGS['sasl.enabled.mechanisms']},PLAIN`,
    'plain.sasl.jaas.config': `${LOGIN}.plain.PlainLoginModule required user_${user}="${password}";`,
  };
}
