import { AlphapoError, type ErrorCode, messageOf } from '@alphapo/base';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
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

function message(writer: BinaryWriter, field: number, write: (inner: BinaryWriter) => void): void {
  writer.uint32((field << 3) | 2).fork();
  write(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.uint32((field << 3) | 2).string(value);
}

/** google.rpc.Status with ErrorInfo, and RetryInfo or BadRequest where they say more. */
function encodeStatus(error: AlphapoError): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(8).int32(STATUS[error.code]);
  text(writer, 2, error.message);
  const detail = (name: string, write: (inner: BinaryWriter) => void) =>
    message(writer, 3, (any) => {
      text(any, 1, TYPE_URL + name);
      message(any, 2, write);
    });
  detail('ErrorInfo', (info) => {
    text(info, 1, error.reason);
    text(info, 2, DOMAIN);
    for (const [key, value] of Object.entries(error.metadata)) {
      message(info, 3, (entry) => {
        text(entry, 1, key);
        text(entry, 2, value);
      });
    }
  });
  const { field, retrySeconds } = error.metadata;
  if (error.code === 'resource-exhausted' || retrySeconds !== undefined) {
    const seconds = Number(retrySeconds ?? RETRY_SECONDS);
    detail('RetryInfo', (retry) => message(retry, 1, (delay) => delay.uint32(8).int64(seconds)));
  }
  if (error.code === 'invalid-argument' && field !== undefined) {
    detail('BadRequest', (request) =>
      message(request, 1, (violation) => {
        text(violation, 1, field);
        text(violation, 2, error.message);
      }),
    );
  }
  return writer.finish();
}

interface ErrorInfo {
  reason: string;
  metadata: Record<string, string>;
}

/** The ErrorInfo of an encoded google.rpc.Status; undefined where there is none or the bytes are no such message. */
function decodeErrorInfo(encoded: Uint8Array): ErrorInfo | undefined {
  try {
    for (const any of lengthDelimited(encoded, 3)) {
      const [typeUrl] = lengthDelimited(any, 1);
      const [value] = lengthDelimited(any, 2);
      if (value === undefined || decodeText(typeUrl) !== `${TYPE_URL}ErrorInfo`) continue;
      const entries = lengthDelimited(value, 3).map((entry) =>
        [1, 2].map((f) => decodeText(lengthDelimited(entry, f)[0])),
      );
      return { reason: decodeText(lengthDelimited(value, 1)[0]), metadata: Object.fromEntries(entries) };
    }
  } catch {
    // The details are an extra: without them the status itself is reported.
  }
  return undefined;
}

/** The length-delimited fields with a number. */
function lengthDelimited(bytes: Uint8Array, field: number): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === field && type === 2) found.push(reader.bytes());
    else reader.skip(type, number);
  }
  return found;
}

function decodeText(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : new TextDecoder().decode(bytes);
}
