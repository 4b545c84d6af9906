import { AlphapoError, messageOf } from '@alphapo/base';

/** How a broker says that a transactional id has a newer owner: the first is what real brokers send to kafkajs. */
const FENCING_TYPES = ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING'];
const FENCING_CODES = [47, 90, 49];
const TOO_LARGE_TYPES = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'];
const AUTHENTICATION_NAME = 'KafkaJSSASLAuthenticationError';

interface KafkajsFailure {
  readonly name?: string;
  readonly type?: string;
  readonly code?: number | string;
  readonly retriable?: boolean;
  readonly host?: string;
  readonly port?: number;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  /** Of the topics of one request, each. */
  readonly errors?: readonly unknown[];
}

/** The error with those that it wraps, outermost first. */
function chainOf(error: unknown): KafkajsFailure[] {
  const chain: KafkajsFailure[] = [];
  for (let at = error; at instanceof Object && !chain.includes(at); ) {
    const failure: KafkajsFailure = at;
    chain.push(failure);
    at = failure.cause ?? failure.originalError ?? failure.errors?.[0];
  }
  return chain;
}

export function hasType(error: unknown, ...types: readonly string[]): boolean {
  return chainOf(error).some(({ type }) => type !== undefined && types.includes(type));
}

export function isFencing(error: unknown): boolean {
  return hasType(error, ...FENCING_TYPES) || chainOf(error).some(({ code }) => FENCING_CODES.includes(code as number));
}

export function isTooLarge(error: unknown): boolean {
  return hasType(error, ...TOO_LARGE_TYPES);
}

/** What a broker says of a request that its settings do not allow, however often it is made. */
const FORBIDDEN_TYPES = ['POLICY_VIOLATION', 'INVALID_TOPIC_EXCEPTION', 'INVALID_CONFIG', 'INVALID_PARTITIONS'];

/** A refusal that no retry cures: credentials, or rights on a topic, group or transactional id. */
export function isRefusal(error: unknown): boolean {
  return chainOf(error).some(
    ({ name, type }) => name === AUTHENTICATION_NAME || (type ?? '').endsWith('AUTHORIZATION_FAILED'),
  );
}

/** Maps failures of kafkajs to our errors; distinguishes permanent rejections from temporary failures. */
export function kafkaFailure(doing: string, error: unknown): AlphapoError {
  if (error instanceof AlphapoError) return error;
  if (isRefusal(error)) {
    return new AlphapoError(
      'failed-precondition',
      'KAFKA_REFUSED',
      `Kafka refuses ${doing}: ${messageOf(error)}; check KAFKA_SASL_MECHANISM, KAFKA_USERNAME, the password, and the access rights they have`,
      { cause: error },
    );
  }
  if (hasType(error, ...FORBIDDEN_TYPES)) {
    return new AlphapoError(
      'failed-precondition',
      'KAFKA_FORBIDS',
      `Kafka does not allow ${doing}: ${messageOf(error)}; check the brokers' policies, and the names and settings of the topics`,
      { cause: error },
    );
  }
  return new AlphapoError('unavailable', 'KAFKA_UNAVAILABLE', `Kafka failed at ${doing}: ${messageOf(error)}`, {
    cause: error,
  });
}
