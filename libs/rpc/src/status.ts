import { AlphapoError, type ErrorCode, messageOf } from '@alphapo/base';
import { BadRequest, ErrorInfo, RetryInfo, RpcStatus } from '@alphapo/contracts';
import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { connectionProblem } from './connection-problem.ts';

/** Errors as gRPC statuses with google.rpc details, and back. */

const STATUS: Readonly<Record<ErrorCode, status>> = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'failed-precondition': status.FAILED_PRECONDITION,
  'out-of-range': status.OUT_OF_RANGE,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  aborted: status.ABORTED,
  cancelled: status.CANCELLED,
  unauthenticated: status.UNAUTHENTICATED,
  'permission-denied': status.PERMISSION_DENIED,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
  'data-loss': status.DATA_LOSS,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
};

const CODE: ReadonlyMap<number, ErrorCode> = new Map(
  (Object.entries(STATUS) as [ErrorCode, status][]).map(([code, number]) => [number, code]),
);

const DETAILS_KEY = 'grpc-status-details-bin';
const DOMAIN = 'alphapo';
const TYPE_URL = 'type.googleapis.com/google.rpc.';
/** How long a client that was turned away should wait, in seconds, where the error's `retrySeconds` says nothing. */
const RETRY_SECONDS = 1;

/** What grpc-js sends for an error. Errors that are not ours become INTERNAL without their text. */
export function toServiceError(error: unknown): Pick<StatusObject, 'code' | 'details'> & Partial<StatusObject> {
  if (!(error instanceof AlphapoError)) {
    return { code: status.INTERNAL, details: 'internal error; the server has logged it' };
  }
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(encodeStatus(error)));
  return { code: STATUS[error.code], details: error.message, metadata };
}

/**
 * The error that a client sees: the server's own where it sent details, else one made of the status. `peer`: what should be at
 * the address, such as `optimizer`.
 */
export function fromServiceError(error: unknown, address: string, peer = 'server'): AlphapoError {
  const { code, details, metadata } = error as Partial<ServiceError>;
  const known = CODE.get(code ?? -1);
  if (known === undefined) {
    return new AlphapoError('internal', 'RPC_FAILED', `${address}: ${messageOf(error)}`, { cause: error });
  }
  const [encoded] = metadata?.get(DETAILS_KEY) ?? [];
  const info = encoded instanceof Uint8Array ? decodeErrorInfo(encoded) : undefined;
  const reason = info?.reason ?? `RPC_${known.toUpperCase().replaceAll('-', '_')}`;
  const problem = info === undefined ? connectionProblem({ code, details: details ?? '', address, peer }) : undefined;
  return new AlphapoError(known, reason, problem ?? `${address}: ${details}`, {
    cause: error,
    metadata: { ...info?.metadata, address },
  });
}

/** google.rpc.Status with ErrorInfo, and RetryInfo or BadRequest where they say more. */
function encodeStatus(error: AlphapoError): Uint8Array {
  const { code, message, reason, metadata } = error;
  const details = [detail('ErrorInfo', ErrorInfo.encode({ reason, domain: DOMAIN, metadata: { ...metadata } }))];
  const { field, retrySeconds } = metadata;
  if (code === 'resource-exhausted' || retrySeconds !== undefined) {
    const retryDelay = { seconds: BigInt(retrySeconds ?? RETRY_SECONDS), nanos: 0 };
    details.push(detail('RetryInfo', RetryInfo.encode({ retryDelay })));
  }
  if (code === 'invalid-argument' && field !== undefined) {
    details.push(detail('BadRequest', BadRequest.encode({ fieldViolations: [{ field, description: message }] })));
  }
  return RpcStatus.encode({ code: STATUS[code], message, details }).finish();
}

const detail = (name: string, writer: { finish(): Uint8Array }) => ({
  typeUrl: TYPE_URL + name,
  value: Buffer.from(writer.finish()),
});

/** The ErrorInfo of an encoded google.rpc.Status; undefined where there is none or the bytes are no such message. */
function decodeErrorInfo(encoded: Uint8Array): ErrorInfo | undefined {
  try {
    const info = RpcStatus.decode(encoded).details.find(({ typeUrl }) => typeUrl === `${TYPE_URL}ErrorInfo`);
    return info && ErrorInfo.decode(info.value);
  } catch {
    // The details are an extra: without them the status itself is reported.
    return undefined;
  }
}
