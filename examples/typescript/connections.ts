import { readFileSync } from 'node:fs';
import { env } from 'node:process';
import type { KafkaConfig } from 'kafkajs';

/** Addresses of the services and of the brokers. */
export const addresses = {
  tokenizer: env.TOKENIZER ?? 'localhost:50051',
  scorer: env.SCORER ?? 'localhost:50052',
  optimizer: env.OPTIMIZER ?? 'localhost:50053',
};

/** TLS where ALPHAPO_TLS_CA is set. The client itself follows ALPHAPO_TOKEN_FILE. */
export const options = { environment: { ...env, ALPHAPO_TLS: env.ALPHAPO_TLS_CA === undefined ? 'off' : 'on' } };

/** TLS where KAFKA_TLS_CA is set, and SCRAM-SHA-512 where KAFKA_USERNAME is, too. */
export function kafkaConfig(): KafkaConfig {
  const { KAFKA_BROKERS = 'localhost:9092', KAFKA_TLS_CA, KAFKA_USERNAME, KAFKA_PASSWORD_FILE = '' } = env;
  return {
    brokers: KAFKA_BROKERS.split(','),
    ...(KAFKA_TLS_CA !== undefined && { ssl: { ca: readFileSync(KAFKA_TLS_CA) } }),
    ...(KAFKA_USERNAME !== undefined && {
      sasl: {
        mechanism: 'scram-sha-512' as const,
        username: KAFKA_USERNAME,
        password: readFileSync(KAFKA_PASSWORD_FILE, 'utf8').trim(),
      },
    }),
  };
}
