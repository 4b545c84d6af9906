import type { Settings } from '@alphapo/settings';
import { z } from 'zod';

const file = z.string().optional();

/** The event log and how to connect to it. */
export const eventLogSettings = {
  brokers: {
    schema: z.array(z.string()).min(1).optional(),
    description: 'Kafka brokers',
    placeholder: 'host:port,…',
    variable: 'KAFKA_BROKERS',
  },
  log: {
    schema: z.string().optional(),
    description: 'file of an embedded event log instead of Kafka, for one machine',
    placeholder: 'file',
    variable: 'ALPHAPO_LOG',
  },
  kafkaTls: {
    schema: z.enum(['off', 'on']).default('off'),
    description: 'connect to brokers over TLS',
    variable: 'KAFKA_TLS',
  },
  kafkaTlsCa: {
    schema: file,
    description: "PEM file of trusted certificate authorities (default: the system's)",
    placeholder: 'file',
    variable: 'KAFKA_TLS_CA',
  },
  kafkaTlsCert: {
    schema: file,
    description: "PEM file of this program's certificate chain, if brokers require one",
    placeholder: 'file',
    variable: 'KAFKA_TLS_CERT',
  },
  kafkaTlsKey: {
    schema: file,
    description: 'PEM file of its private key',
    placeholder: 'file',
    variable: 'KAFKA_TLS_KEY',
  },
  kafkaTlsServerName: {
    schema: z.string().optional(),
    description: "name in the brokers' certificates, if it is not their host",
    placeholder: 'name',
    variable: 'KAFKA_TLS_SERVER_NAME',
  },
  kafkaSasl: {
    schema: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
    description: 'SASL mechanism for logging in to the brokers',
    variable: 'KAFKA_SASL_MECHANISM',
  },
  kafkaUsername: {
    schema: z.string().min(1).optional(),
    description: 'SASL user name',
    placeholder: 'name',
    variable: 'KAFKA_USERNAME',
  },
  kafkaPasswordFile: {
    schema: z.string().optional(),
    description: "file with the user's password",
    placeholder: 'file',
    variable: 'KAFKA_PASSWORD_FILE',
  },
} as const satisfies Settings;
