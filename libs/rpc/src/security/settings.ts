import { AlphapoError } from '@alphapo/base';
import { parseEnvironment, type SecretSource, secretSource } from '@alphapo/contracts';
import { z } from 'zod';

const environmentSchema = z.object({
  ALPHAPO_TLS: z
    .enum(['off', 'on', 'mutual'])
    .default('off')
    .describe('on: servers prove who they are; mutual: clients too'),
  ALPHAPO_TLS_CERT: z.string().optional().describe('PEM file of the certificate, with those that vouch for it'),
  ALPHAPO_TLS_KEY: z.string().optional().describe('PEM file of the private key'),
  ALPHAPO_TLS_CA: z.string().optional().describe('PEM file of the authorities that are trusted'),
  ALPHAPO_TLS_SERVER_NAME: z.string().optional().describe('name that servers’ certificates must have'),
  ALPHAPO_HEALTH_ADDRESS: z
    .string()
    .optional()
    .describe('host and port for health checks alone: in plaintext, and answered at once however busy the server is'),
  ALPHAPO_PLAINTEXT_TOKENS: z
    .enum(['refuse', 'allow'])
    .default('refuse')
    .describe('whether tokens may travel without TLS, because something else encrypts the way'),
});

/** A certificate chain and its key, as files. */
interface IdentityFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface TlsSettings {
  readonly mode: 'on' | 'mutual';
  /** What this process shows: as a server always, as a client where the server asks. */
  readonly identity: IdentityFiles | undefined;
  /** Authorities that peers' certificates must come from; the system's where undefined. */
  readonly authorities: string | undefined;
  /** Name that a server's certificate must have, where it is not the host that was connected to. */
  readonly serverName: string | undefined;
}

/** How gRPC is secured, the same for the server and the client that a process is. */
export interface SecuritySettings {
  readonly tls: TlsSettings | undefined;
  /** The token that is sent with calls. */
  readonly token: SecretSource | undefined;
  /** The list of who may do what. */
  readonly access: SecretSource | undefined;
  /** Host and port for health checks in plaintext. */
  readonly healthAddress: string | undefined;
}

/** Security settings from environment variables. Errors: INVALID_CONFIGURATION with the variable. */
export function securitySettingsFrom(environment: NodeJS.ProcessEnv): SecuritySettings {
  const parsed = parseEnvironment(environmentSchema, environment);
  const tls = tlsFrom(parsed);
  const token = secretSource(environment, 'ALPHAPO_TOKEN');
  const access = secretSource(environment, 'ALPHAPO_ACCESS');
  const secret = token ?? access;
  if (secret !== undefined && tls === undefined && parsed.ALPHAPO_PLAINTEXT_TOKENS === 'refuse') {
    throw invalid(
      secret.variable,
      'cannot be used: tokens are only sent and taken over TLS. Set ALPHAPO_TLS to on or mutual, or ALPHAPO_PLAINTEXT_TOKENS to allow where ' +
        'something else encrypts the way',
    );
  }
  return { tls, token, access, healthAddress: parsed.ALPHAPO_HEALTH_ADDRESS };
}

function tlsFrom(parsed: z.infer<typeof environmentSchema>): TlsSettings | undefined {
  const {
    ALPHAPO_TLS: mode,
    ALPHAPO_TLS_CERT: certificate,
    ALPHAPO_TLS_KEY: key,
    ALPHAPO_TLS_CA: authorities,
  } = parsed;
  if (mode === 'off') {
    for (const variable of [
      'ALPHAPO_TLS_CERT',
      'ALPHAPO_TLS_KEY',
      'ALPHAPO_TLS_CA',
      'ALPHAPO_TLS_SERVER_NAME',
    ] as const) {
      if (parsed[variable] === undefined) continue;
      throw invalid(variable, 'is set, but ALPHAPO_TLS is off: set that to on or mutual, or leave this out');
    }
    return undefined;
  }
  if ((certificate === undefined) !== (key === undefined)) {
    const [missing, given] = certificate === undefined ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
    throw invalid(`ALPHAPO_TLS_${missing}`, `is missing, but ALPHAPO_TLS_${given} is set: a certificate needs its key`);
  }
  const identity = certificate === undefined || key === undefined ? undefined : { certificate, key };
  if (mode === 'mutual') {
    if (identity === undefined)
      throw invalid('ALPHAPO_TLS_CERT', 'is missing: with mutual TLS everybody has a certificate');
    if (authorities === undefined) throw invalid('ALPHAPO_TLS_CA', 'is missing: say who vouches for certificates');
  }
  return { mode, identity, authorities, serverName: parsed.ALPHAPO_TLS_SERVER_NAME };
}

function invalid(variable: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_CONFIGURATION', `${variable} ${problem}`, {
    metadata: { variable },
  });
}
