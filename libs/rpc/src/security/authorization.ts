import { AlphapoError } from '@alphapo/base';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { toServiceError } from '../status.ts';
import type { AccessList, Caller } from './access-list.ts';
import { requirementOf, type Scope } from './scopes.ts';

const HEADER = 'authorization';
const BEARER = /^Bearer +(\S+)$/i;

/** Turns callers away who may not call a method, before anything of their request is read. */
export function authorizing(access: { readonly current: AccessList }): ServerInterceptor {
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            const certificate = call.getAuthContext().sslPeerCertificate;
            const [header] = metadata.get(HEADER);
            const token = tokenOf(header === undefined ? undefined : String(header));
            const refusal = refusalOf(access.current, path, { token, certificate });
            // Nothing behind this has to know the token.
            metadata.remove(HEADER);
            if (refusal === undefined) proceed(metadata);
            else call.sendStatus(toServiceError(refusal));
          },
        }),
    });
}

/** What is shown as a token; an empty text where the header is there, but holds none. */
export function tokenOf(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : (BEARER.exec(authorization)?.[1] ?? '');
}

function refusalOf(access: AccessList, path: string, caller: Caller): AlphapoError | undefined {
  const required = requirementOf(path);
  if (required === 'none') return undefined;
  if (required === undefined) {
    return new AlphapoError('permission-denied', 'METHOD_CLOSED', `no caller may use ${path}`);
  }
  return scopeRefusal(access, required, path, caller);
}

/** Why a caller may not do `what`, which needs the scope; undefined where it may. */
export function scopeRefusal(
  access: AccessList,
  required: Scope,
  what: string,
  caller: Caller,
): AlphapoError | undefined {
  const scopes = access.scopesOf(caller);
  if (scopes === undefined) return unknownCaller(caller);
  if (scopes.has(required)) return undefined;
  return new AlphapoError(
    'permission-denied',
    'SCOPE_MISSING',
    `${what} needs the scope ${required}, but this caller has ${[...scopes].join(', ')}; use a token with that scope`,
    { metadata: { scope: required } },
  );
}

function unknownCaller({ token, certificate }: Caller): AlphapoError {
  if (token !== undefined) {
    return new AlphapoError(
      'unauthenticated',
      'TOKEN_UNKNOWN',
      'unknown token; send "authorization: Bearer TOKEN" with a token of the server’s access list',
    );
  }
  const shown = certificate === undefined ? '' : ', and the certificate is not named in the server’s access list';
  return new AlphapoError(
    'unauthenticated',
    'TOKEN_MISSING',
    `no token${shown}; send "authorization: Bearer TOKEN" (ALPHAPO_TOKEN_FILE for AlphaPO’s own clients)`,
  );
}
