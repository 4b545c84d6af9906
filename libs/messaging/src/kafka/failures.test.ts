import { kafkaFailure } from './failures.ts';

/** As kafkajs wraps what a broker answers. */
const wrapped = (type: string) => Object.assign(new Error('after all retries'), { cause: { type } });

test.each([
  ['POLICY_VIOLATION', 'failed-precondition', 'KAFKA_FORBIDS'],
  ['INVALID_TOPIC_EXCEPTION', 'failed-precondition', 'KAFKA_FORBIDS'],
  ['TOPIC_AUTHORIZATION_FAILED', 'failed-precondition', 'KAFKA_REFUSED'],
  // The brokers that are missing may come.
  ['INVALID_REPLICATION_FACTOR', 'unavailable', 'KAFKA_UNAVAILABLE'],
  ['NOT_LEADER_FOR_PARTITION', 'unavailable', 'KAFKA_UNAVAILABLE'],
])('%s is %s', (type, code, reason) => {
  expect(kafkaFailure('making topics', wrapped(type))).toMatchObject({ code, reason });
});
