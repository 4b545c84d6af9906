import { AlphapoError } from '@alphapo/base';

type HttpErrorStatus = 400 | 401 | 403 | 404 | 429 | 500 | 503;

const STATUS: Partial<Record<AlphapoError['code'], HttpErrorStatus>> = {
  'invalid-argument': 400,
  'failed-precondition': 400,
  unauthenticated: 401,
  'permission-denied': 403,
  'not-found': 404,
  'resource-exhausted': 429,
  unavailable: 503,
};
/** When a caller that was turned away should retry, where the error does not say it. */
const RETRY_SECONDS = '5';

/** An error as OpenAI's API has it. */
export interface HttpError {
  readonly status: HttpErrorStatus;
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
  if (!(error instanceof AlphapoError)) {
    return httpErrorOf(500, 'the request failed; see the log of the service', 'INTERNAL', {});
  }
  return httpErrorOf(STATUS[error.code] ?? 500, error.message, error.reason, error.metadata);
}

function httpErrorOf(
  status: HttpErrorStatus,
  message: string,
  code: string,
  { field = null, retrySeconds = RETRY_SECONDS }: Partial<Record<'field' | 'retrySeconds', string | null>>,
): HttpError {
  const again = status === 429 || status === 503;
  return {
    status,
    headers: again ? { 'Retry-After': `${retrySeconds}` } : {},
    body: { error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', param: field, code } },
  };
}
