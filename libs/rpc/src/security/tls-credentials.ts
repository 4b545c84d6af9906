import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { type ChannelCredentials, experimental, ServerCredentials } from '@grpc/grpc-js';
import type { Reloaded } from './reloaded.ts';
import type { TlsMaterial } from './tls-material.ts';

const MIN_VERSION = 'TLSv1.2';
/** A client that connects and then says nothing holds a socket for no longer than this. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** TLS of a server. New connections are made with the newest certificates; those that are open go on. */
class ReloadedServerCredentials extends ServerCredentials {
  constructor(material: Reloaded<TlsMaterial>, clients: 'any' | 'verified') {
    super(handshakeOptions(clients), secureContext(material.current));
    material.onChange((changed) => this.updateSecureContextOptions(secureContext(changed)));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

export function serverTls(material: Reloaded<TlsMaterial>, clients: 'any' | 'verified'): ServerCredentials {
  return new ReloadedServerCredentials(material, clients);
}

/** The same for HTTP. */
export function httpsOptions(material: TlsMaterial, clients: 'any' | 'verified'): TlsOptions & SecureContextOptions {
  return { ...handshakeOptions(clients), ...secureContext(material) };
}

function handshakeOptions(clients: 'any' | 'verified') {
  const verified = clients === 'verified';
  return {
    minVersion: MIN_VERSION,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    requestCert: verified,
    rejectUnauthorized: verified,
  } as const;
}

/** Certificates, as Node takes them. */
export function secureContext({ identity, authorities }: TlsMaterial): SecureContextOptions {
  return { minVersion: MIN_VERSION, ca: authorities, cert: identity?.certificate, key: identity?.key };
}

/** TLS of clients. Each new connection is made with the newest certificates. */
export function clientTls(material: Reloaded<TlsMaterial>): ChannelCredentials {
  const provider = new MaterialProvider(material);
  const shown = material.current.identity === undefined ? null : provider;
  return experimental.createCertificateProviderChannelCredentials(provider, shown);
}

/** The material in the form in which grpc-js asks for it. */
class MaterialProvider implements experimental.CertificateProvider {
  readonly #material: Reloaded<TlsMaterial>;
  readonly #told = new Map<unknown, Disposable>();

  constructor(material: Reloaded<TlsMaterial>) {
    this.#material = material;
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#tell(listener, ({ authorities }) => listener({ caCertificate: authorities }));
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#forget(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#tell(listener, ({ identity }) =>
      listener(identity === undefined ? null : { certificate: identity.certificate, privateKey: identity.key }),
    );
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#forget(listener);
  }

  #tell(listener: unknown, tell: (material: TlsMaterial) => void): void {
    this.#told.set(listener, this.#material.onChange(tell));
    tell(this.#material.current);
  }

  #forget(listener: unknown): void {
    this.#told.get(listener)?.[Symbol.dispose]();
    this.#told.delete(listener);
  }
}
