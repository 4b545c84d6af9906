import {
  invalidConfiguration,
  resolveSettings,
  type SecretSource,
  type SettingSources,
  secretSource,
  type ValuesOf,
} from '@alphapo/settings';
import { rpcServerSecuritySettings } from './security-settings.ts';

type Values = ValuesOf<typeof rpcServerSecuritySettings>;

/** A certificate chain and its key, as files. */
interface IdentityFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface TlsSettings {
  readonly mode: 'on' | 'mutual';
  /** This process's certificate: as a server always, as a client if the server requires one. */
  readonly identity: IdentityFiles | undefined;
  /** Trusted certificate authorities of peers; undefined: the system's. */
  readonly authorities: string | undefined;
  /** Name expected in a server's certificate, if it is not the host of the address. */
  readonly serverName: string | undefined;
}

/** How gRPC is secured, the same for the server and the client that a process is. */
export interface SecuritySettings {
  readonly tls: TlsSettings | undefined;
  /** The token that is sent with calls. */
  readonly token: SecretSource | undefined;
  /** The access list. */
  readonly access: SecretSource | undefined;
  /** Host and port for health checks in plaintext. */
  readonly healthAddress: string | undefined;
}

/** Security settings of a client or server. Errors: INVALID_CONFIGURATION with the variable. */
export function securitySettingsFrom(sources: SettingSources): SecuritySettings {
  const values = resolveSettings(rpcServerSecuritySettings, sources);
  const tls = tlsFrom(values);
  const token = secretSource(sources, 'tokenFile', 'ALPHAPO_TOKEN');
  const access = secretSource(sources, 'accessFile', 'ALPHAPO_ACCESS');
  const secret = token ?? access;
  if (secret !== undefined && tls === undefined && values.plaintextTokens === 'refuse') {
    throw invalidConfiguration(
      secret.variable,
      'tokens need TLS; set ALPHAPO_TLS to on or mutual, or ALPHAPO_PLAINTEXT_TOKENS to allow if a mesh encrypts the traffic',
    );
  }
  return { tls, token, access, healthAddress: values.healthAddress };
}

const TLS_KEYS = ['tlsCert', 'tlsKey', 'tlsCa', 'tlsServerName'] as const;

function tlsFrom(values: Values): TlsSettings | undefined {
  const { tls: mode, tlsCert: certificate, tlsKey: key, tlsCa: authorities, tlsServerName: serverName } = values;
  if (mode === 'off') {
    const set = TLS_KEYS.find((name) => values[name] !== undefined);
    if (set === undefined) return undefined;
    throw invalidConfiguration(
      rpcServerSecuritySettings[set].variable,
      'is set, but ALPHAPO_TLS is off; set that to on or mutual, or remove this',
    );
  }
  if ((certificate === undefined) !== (key === undefined)) {
    const [missing, given] = certificate === undefined ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
    throw invalidConfiguration(
      `ALPHAPO_TLS_${missing}`,
      `is missing, but ALPHAPO_TLS_${given} is set: a certificate needs its key`,
    );
  }
  const identity = certificate === undefined || key === undefined ? undefined : { certificate, key };
  if (mode === 'mutual') {
    if (identity === undefined) {
      throw invalidConfiguration('ALPHAPO_TLS_CERT', 'is required: with mutual TLS every peer needs a certificate');
    }
    if (authorities === undefined) {
      throw invalidConfiguration(
        'ALPHAPO_TLS_CA',
        'is required: mutual TLS needs the certificate authority of the peers',
      );
    }
  }
  return { mode, identity, authorities, serverName };
}
