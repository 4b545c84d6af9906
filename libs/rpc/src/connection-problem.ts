import { status } from '@grpc/grpc-js';

/** A call that failed without an answer of the service: what grpc-js says of it, and what was called. */
export interface FailedCall {
  readonly code: number | undefined;
  readonly details: string;
  /** Host and port. */
  readonly address: string;
  /** What should be there, such as `optimizer`. */
  readonly peer: string;
}

type Words = (call: FailedCall) => string;

/** What grpc-js, Node and OpenSSL say when there is no connection; the first that matches counts. */
const UNAVAILABLE: readonly (readonly [RegExp, Words])[] = [
  [/ECONNREFUSED/, ({ address, peer }) => `nothing listens on ${address}; is the ${peer} running there?`],
  [
    /Name resolution failed|ENOTFOUND|EAI_AGAIN/,
    ({ address }) => `the host name of ${address} cannot be resolved here; check the address and DNS`,
  ],
  [/EHOSTUNREACH|ENETUNREACH/, ({ address }) => `there is no network route to ${address}; check the address`],
  [
    /ETIMEDOUT/,
    ({ address, peer }) =>
      `${address} does not answer; check the address and firewalls, and that the ${peer} is running`,
  ],
  [
    /wrong version number|packet length too long|http request/i,
    ({ address }) => `${address} does not use TLS; set --tls off (ALPHAPO_TLS), or call a port with TLS`,
  ],
  [
    /certificate has expired|CERT_HAS_EXPIRED/,
    ({ address }) => `the certificate of ${address} has expired; renew it, or check the clock of this machine`,
  ],
  [
    /ALTNAME_INVALID|altnames/,
    ({ address }) =>
      `the certificate of ${address} is for another name; call it by that name, or set the name with --tls-server-name (ALPHAPO_TLS_SERVER_NAME)`,
  ],
  [
    /alert certificate required|alert handshake failure/,
    ({ address }) =>
      `${address} requires a client certificate; set --tls mutual, --tls-cert and --tls-key (ALPHAPO_TLS, ALPHAPO_TLS_CERT, ALPHAPO_TLS_KEY)`,
  ],
  [
    /alert (unknown ca|bad certificate|certificate (expired|revoked|unknown))/,
    ({ address }) =>
      `${address} rejects the certificate of this program; set one that it trusts with --tls-cert and --tls-key (ALPHAPO_TLS_CERT, ALPHAPO_TLS_KEY)`,
  ],
  [
    /self.signed certificate|unable to (verify|get)|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED/i,
    ({ address }) =>
      `the certificate of ${address} is from an authority that is not trusted here; set the authority's certificate with --tls-ca (ALPHAPO_TLS_CA)`,
  ],
  [/Protocol error/, ({ address, peer }) => `${address} does not speak gRPC; check that it is the port of the ${peer}`],
  [
    /No connection established.*(Failed to connect|ECONNRESET|EPIPE|socket hang up|disconnected)/s,
    ({ address, peer }) =>
      `${address} closes connections; it may require TLS (--tls on, ALPHAPO_TLS) or another client certificate, or not be the ${peer}`,
  ],
];

/** What else is there instead of the service. */
const OTHER: readonly (readonly [RegExp, Words])[] = [
  [
    /Received HTTP status code/,
    ({ address, peer }) => `${address} answers, but not as gRPC; check that it is the port of the ${peer}`,
  ],
  [
    /does not implement the method/,
    ({ address, peer }) => `${address} is not the ${peer}: it serves other methods; check the port`,
  ],
  [
    /^Deadline exceeded after.*Waiting for LB pick/s,
    ({ address, peer }) =>
      `${address} did not complete a connection in time; check the address and firewalls, and that the ${peer} is running`,
  ],
];

/** Why a call never reached its service, and what to do, in words; undefined where it is something else. */
export function connectionProblem(call: FailedCall): string | undefined {
  const known = call.code === status.UNAVAILABLE ? UNAVAILABLE : OTHER;
  return known.find(([pattern]) => pattern.test(call.details))?.[1](call);
}

/** What a service is called in words: `optimizer` of `alphapo.v1.OptimizerService`. */
export function peerOf(serviceName: string): string {
  return /(\w+)Service$/.exec(serviceName)?.[1]?.toLowerCase() ?? 'server';
}
