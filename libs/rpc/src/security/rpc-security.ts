import type { IncomingMessage } from 'node:http';
import type { ConnectionOptions, SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls';
import { AlphapoError, Secret } from '@alphapo/base';
import type { SecretSource, SettingSources } from '@alphapo/settings';
import { type ChannelCredentials, credentials, Metadata, ServerCredentials } from '@grpc/grpc-js';
import { AccessList } from './access-list.ts';
import { scopeRefusal, tokenOf } from './authorization.ts';
import { Reloaded, type ReloadOptions } from './reloaded.ts';
import type { Scope } from './scopes.ts';
import { type SecuritySettings, securitySettingsFrom, type TlsSettings } from './settings.ts';
import { clientTls, httpsOptions, secureContext, serverTls } from './tls-credentials.ts';
import { openTlsMaterial, type TlsMaterial } from './tls-material.ts';
import { isToken, TOKEN_DESCRIPTION } from './token.ts';

/** TLS of an HTTPS server, and what it becomes when certificates change. */
export interface ReloadedHttpsOptions {
  readonly options: TlsOptions & SecureContextOptions;
  onChange(listener: (context: SecureContextOptions) => void): Disposable;
}

interface Tls {
  readonly settings: TlsSettings;
  readonly material: Reloaded<TlsMaterial>;
}

interface Current<T> {
  readonly current: T;
}

/** How the servers and clients of a process are secured. Certificates, tokens and lists are followed where they change. */
export class RpcSecurity implements Disposable {
  /** Plaintext, and everybody may do everything: for one machine, or behind something that guards the way. */
  static readonly none = new RpcSecurity({
    tls: undefined,
    token: undefined,
    access: undefined,
    healthAddress: undefined,
    owned: [],
  });

  /** Who may do what as a server; undefined where whoever gets through may do everything. */
  readonly access: Current<AccessList> | undefined;
  /** Where a server answers health checks in plaintext; undefined: where it answers everything. */
  readonly healthAddress: string | undefined;
  readonly #tls: Tls | undefined;
  readonly #token: Current<Secret> | undefined;
  readonly #channel: ChannelCredentials;
  readonly #owned: readonly Disposable[];

  private constructor(parts: {
    tls: Tls | undefined;
    token: Current<Secret> | undefined;
    access: Current<AccessList> | undefined;
    healthAddress: string | undefined;
    owned: readonly Disposable[];
  }) {
    this.#tls = parts.tls;
    this.#token = parts.token;
    this.access = parts.access;
    this.healthAddress = parts.healthAddress;
    this.#owned = parts.owned;
    this.#channel = parts.tls === undefined ? credentials.createInsecure() : clientTls(parts.tls.material);
  }

  /** From settings (docs/security.md). Errors: INVALID_CONFIGURATION, and those of `open`. */
  static fromSettings(sources: SettingSources, options: ReloadOptions): Promise<RpcSecurity> {
    return RpcSecurity.open(securitySettingsFrom(sources), options);
  }

  /** Errors: FILE_NOT_READABLE, INVALID_TLS_FILE, INVALID_TOKEN, INVALID_ACCESS_LIST, each with the file. */
  static async open(
    { tls, token, access, healthAddress }: SecuritySettings,
    options: ReloadOptions,
  ): Promise<RpcSecurity> {
    using owned = new DisposableStack();
    const material = tls && owned.use(await openTlsMaterial(tls, options));
    const opened = {
      tls: tls && material && { settings: tls, material },
      token: token && owned.use(await openSecret(token, parseToken, options)),
      access:
        access &&
        owned.use(await openSecret(access, (text, place) => parseAccess(text, place, tls?.mode === 'mutual'), options)),
    };
    return new RpcSecurity({ ...opened, healthAddress, owned: [owned.move()] });
  }

  /** What a server listens with. Errors: INVALID_CONFIGURATION where TLS has no certificate to show. */
  serverCredentials(): ServerCredentials {
    if (this.#tls === undefined) return ServerCredentials.createInsecure();
    const { settings, material } = this.#tls;
    if (settings.identity === undefined) {
      throw new AlphapoError(
        'invalid-argument',
        'INVALID_CONFIGURATION',
        'ALPHAPO_TLS_CERT and ALPHAPO_TLS_KEY are required: with TLS, a server needs a certificate',
        { metadata: { variable: 'ALPHAPO_TLS_CERT' } },
      );
    }
    return serverTls(material, settings.mode === 'mutual' ? 'verified' : 'any');
  }

  /** What an HTTPS server listens with; undefined where this process has no TLS. Errors: as `serverCredentials`. */
  httpsOptions(): ReloadedHttpsOptions | undefined {
    if (this.#tls === undefined) return undefined;
    this.serverCredentials();
    const { settings, material } = this.#tls;
    return {
      options: httpsOptions(material.current, settings.mode === 'mutual' ? 'verified' : 'any'),
      onChange: (listener) => material.onChange((changed) => listener(secureContext(changed))),
    };
  }

  /** Why the caller of a request over HTTP may not make it, which needs the scope; undefined where it may. */
  httpRefusal(scope: Scope, { method, url, headers, socket }: IncomingMessage): AlphapoError | undefined {
    if (this.access === undefined) return undefined;
    const { authorized, getPeerCertificate } = socket as Partial<TLSSocket>;
    const shown = authorized ? getPeerCertificate?.call(socket) : undefined;
    const certificate = shown !== undefined && Object.keys(shown).length > 0 ? shown : undefined;
    const [path] = (url ?? '').split('?', 1);
    const caller = { token: tokenOf(headers.authorization), certificate };
    return scopeRefusal(this.access.current, scope, `${method} ${path}`, caller);
  }

  /** TLS of a client over HTTP, with the newest certificates; undefined where this process has no TLS. */
  httpsClientOptions(): ConnectionOptions | undefined {
    if (this.#tls === undefined) return undefined;
    const { settings, material } = this.#tls;
    const { serverName } = settings;
    return { ...secureContext(material.current), ...(serverName !== undefined && { servername: serverName }) };
  }

  /** What a client connects with. */
  channelCredentials(): ChannelCredentials {
    return this.#channel;
  }

  /** The name that a server's certificate must have, where it is not its host. */
  get serverName(): string | undefined {
    return this.#tls?.settings.serverName;
  }

  /** What is sent with a call: somebody's authorization header, none, or by default the token of this process. */
  callMetadata(authorization?: Secret | 'none'): Metadata {
    const metadata = new Metadata();
    const token = this.#token?.current;
    if (authorization instanceof Secret) metadata.set('authorization', authorization.reveal());
    else if (authorization === undefined && token !== undefined) {
      metadata.set('authorization', `Bearer ${token.reveal()}`);
    }
    return metadata;
  }

  [Symbol.dispose](): void {
    for (const resource of this.#owned) resource[Symbol.dispose]();
  }
}

/** What a variable or the file that it names holds; a file is read again when it changes. */
async function openSecret<T>(
  source: SecretSource,
  parse: (text: string, place: string) => T,
  options: ReloadOptions,
): Promise<Current<T> & Disposable> {
  if (source.kind === 'value') {
    return { current: parse(source.secret.reveal(), source.variable), [Symbol.dispose]: () => {} };
  }
  const { path } = source;
  return Reloaded.open([path], ([content]) => parse(content?.toString('utf8') ?? '', path), options);
}

function parseToken(text: string, place: string): Secret {
  const token = text.trim();
  if (isToken(token)) return new Secret(token);
  throw new AlphapoError(
    'invalid-argument',
    'INVALID_TOKEN',
    `${place} has no token; it must be one line of ${TOKEN_DESCRIPTION}`,
    { metadata: { place } },
  );
}

function parseAccess(text: string, place: string, mutual: boolean): AccessList {
  const list = AccessList.parse(text, place);
  if (mutual || !list.namesCertificates) return list;
  throw new AlphapoError(
    'invalid-argument',
    'INVALID_ACCESS_LIST',
    `${place} grants scopes to certificates, which needs ALPHAPO_TLS=mutual`,
    { metadata: { place } },
  );
}
