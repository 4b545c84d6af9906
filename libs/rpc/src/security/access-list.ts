import { createHash, timingSafeEqual } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { AlphapoError } from '@alphapo/base';
import { SCOPES, type Scope } from './scopes.ts';
import { isToken, TOKEN_DESCRIPTION } from './token.ts';

/**
 * Who may do what: lines of scopes, separated by commas, and of whom they are granted to. Empty lines and those that begin
 * with # are left out. Several lines may grant the same scope, so that tokens can be exchanged one by one.
 *
 *     score,read   token 5e8f0b8c2d…
 *     control      certificate DNS:optimizer.alphapo.svc
 *     read         certificate CN=dashboard
 */

const NAME = /^(DNS:|URI:|IP Address:|email:|CN=)./;

interface Line {
  readonly scopes: readonly Scope[];
  readonly holder:
    | { readonly kind: 'token'; readonly digest: Buffer }
    | { readonly kind: 'certificate'; readonly name: string };
}

/** What a caller shows. */
export interface Caller {
  readonly token: string | undefined;
  /** The client's certificate, where TLS has verified it. */
  readonly certificate: PeerCertificate | undefined;
}

export class AccessList {
  readonly #lines: readonly Line[];

  private constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  /** Parses a list. Errors: INVALID_ACCESS_LIST with the line's number, never with what stands there. */
  static parse(text: string, place: string): AccessList {
    const lines = text
      .split('\n')
      .map((line, i) => parseLine(line.trim(), `${place}, line ${i + 1}`))
      .filter((line) => line !== undefined);
    if (lines.length === 0) throw invalid(place, 'grants no access; write lines such as "score,read token …"');
    return new AccessList(lines);
  }

  /** Whether there are lines for certificates. */
  get namesCertificates(): boolean {
    return this.#lines.some(({ holder }) => holder.kind === 'certificate');
  }

  /** Whether there are lines for tokens. */
  get hasTokens(): boolean {
    return this.#lines.some(({ holder }) => holder.kind === 'token');
  }

  /**
   * The scopes of a caller; undefined where the list knows neither its token nor its certificate. A token that is not in
   * the list is not made good by a certificate. Every token is compared in full, so that time tells nothing about them.
   */
  scopesOf({ token, certificate }: Caller): ReadonlySet<Scope> | undefined {
    const byToken = token === undefined ? [] : this.#linesOfToken(token);
    if (token !== undefined && byToken.length === 0) return undefined;
    const names = certificate === undefined ? [] : namesOf(certificate);
    const byName = this.#lines.filter(({ holder }) => holder.kind === 'certificate' && names.includes(holder.name));
    const granted = [...byToken, ...byName];
    return granted.length === 0 ? undefined : new Set(granted.flatMap(({ scopes }) => scopes));
  }

  #linesOfToken(token: string): Line[] {
    const digest = digestOf(token);
    return this.#lines.filter(({ holder }) => holder.kind === 'token' && timingSafeEqual(holder.digest, digest));
  }
}

function parseLine(line: string, place: string): Line | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const [, scopeNames = '', kind, value = ''] = /^(\S+)\s+(token|certificate)\s+(.+)$/.exec(line) ?? [];
  const scopes = scopeNames.split(',') as Scope[];
  if (kind === undefined) throw invalid(place, 'is not "SCOPES token TOKEN" or "SCOPES certificate NAME"');
  if (!scopes.every((scope) => SCOPES.includes(scope))) {
    throw invalid(place, `does not begin with scopes: ${SCOPES.join(', ')}, separated by commas`);
  }
  if (kind === 'certificate') {
    if (!NAME.test(value)) throw invalid(place, 'names a certificate by DNS:…, URI:…, IP Address:…, email:… or CN=…');
    return { scopes, holder: { kind, name: value } };
  }
  if (!isToken(value)) throw invalid(place, `has a token that is not ${TOKEN_DESCRIPTION}`);
  return { scopes, holder: { kind: 'token', digest: digestOf(value) } };
}

/**
 * The names of a certificate, as a list writes them. Node quotes alternative names that hold separators; nobody gives such
 * names to a service, and none is taken from a certificate that has one.
 */
function namesOf({ subject, subjectaltname = '' }: PeerCertificate): string[] {
  const common = [subject?.CN ?? []].flat().map((name) => `CN=${name}`);
  return subjectaltname.includes('"') ? common : [...common, ...subjectaltname.split(', ')];
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function invalid(place: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_ACCESS_LIST', `${place} ${problem}`, { metadata: { place } });
}
