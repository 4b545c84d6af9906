import { AlphapoError } from '@alphapo/base';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

const STATUS: Partial<Record<AlphapoError['code'], ContentfulStatusCode>> = {
  'invalid-argument': 400,
  'failed-precondition': 400,
  unauthenticated: 401,
  'permission-denied': 403,
  'not-found': 404,
  'resource-exhausted': 429,
  unavailable: 503,
};
/** When a caller that was turned away should retry. */
const RETRY_SECONDS = 5;

/** An error as OpenAI's API has it. */
export interface HttpError {
  readonly status: ContentfulStatusCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly error: {
      readonly message: string;
      readonly type: string;
      readonly param: string | null;
      readonly code: string;
    };
  };
}

/** What a caller hears of an error: of one that is not ours, no more than that it happened. */
export function httpError(error: unknown): HttpError {
  if (!(error instanceof AlphapoError))
    return httpErrorOf(500, 'the request failed; see the log of the sampler', null, 'INTERNAL');
  const status = STATUS[error.code] ?? 500;
  return httpErrorOf(status, error.message, error.metadata.field ?? null, error.reason);
}

function httpErrorOf(status: ContentfulStatusCode, message: string, param: string | null, code: string): HttpError {
  const again = status === 429 || status === 503;
  return {
    status,
    headers: again ? { 'Retry-After': `${RETRY_SECONDS}` } : {},
    body: { error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', param, code } },
  };
}
