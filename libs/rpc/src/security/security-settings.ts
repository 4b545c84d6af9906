import type { Settings } from '@alphapo/settings';
import { z } from 'zod';

const file = z.string().optional();

/** Security of gRPC. Secrets are given as files, because command lines are visible to other users. */
export const rpcSecuritySettings = {
  tls: {
    schema: z.enum(['off', 'on', 'mutual']).default('off'),
    description: 'on: servers present a certificate; mutual: clients do too',
    variable: 'ALPHAPO_TLS',
  },
  tlsCert: {
    schema: file,
    description: "PEM file of this program's certificate chain",
    placeholder: 'file',
    variable: 'ALPHAPO_TLS_CERT',
  },
  tlsKey: {
    schema: file,
    description: 'PEM file of its private key',
    placeholder: 'file',
    variable: 'ALPHAPO_TLS_KEY',
  },
  tlsCa: {
    schema: file,
    description: "PEM file of trusted certificate authorities (default: the system's)",
    placeholder: 'file',
    variable: 'ALPHAPO_TLS_CA',
  },
  tlsServerName: {
    schema: z.string().optional(),
    description: "name in the servers' certificates, if it is not their host",
    placeholder: 'name',
    variable: 'ALPHAPO_TLS_SERVER_NAME',
  },
  tokenFile: {
    schema: file,
    description: 'file with the token that is sent with calls',
    placeholder: 'file',
    variable: 'ALPHAPO_TOKEN_FILE',
  },
  plaintextTokens: {
    schema: z.enum(['refuse', 'allow']).default('refuse'),
    description: 'allow tokens without TLS, if a mesh encrypts the traffic',
    variable: 'ALPHAPO_PLAINTEXT_TOKENS',
  },
} as const satisfies Settings;

/** Security of a server: beside its own credentials, who may call it, and where it answers health checks without. */
export const rpcServerSecuritySettings = {
  healthAddress: {
    schema: z.string().optional(),
    description: 'address of a plaintext port for health checks only, answered under any load',
    placeholder: 'host:port',
    variable: 'ALPHAPO_HEALTH_ADDRESS',
  },
  ...rpcSecuritySettings,
  accessFile: {
    schema: file,
    description: 'access list, see docs/security.md',
    placeholder: 'file',
    variable: 'ALPHAPO_ACCESS_FILE',
  },
} as const satisfies Settings;

/** One day; more is a mistake. */
const MAX_DRAIN_SECONDS = 86_400;

/** Of a server with that default port: where it listens, how it stops, and its security. */
export const rpcServerSettingsAt = (port: number) =>
  ({
    address: {
      schema: z.string().default(`0.0.0.0:${port}`),
      description: 'address to listen on; port 0 picks a free one',
      placeholder: 'host:port',
      variable: 'ALPHAPO_ADDRESS',
    },
    drainSeconds: {
      schema: z.number().nonnegative().max(MAX_DRAIN_SECONDS).optional(),
      description: 'seconds that running calls get to finish at shutdown, before they are canceled',
      variable: 'ALPHAPO_DRAIN_SECONDS',
    },
    ...rpcServerSecuritySettings,
  }) as const satisfies Settings;

/** The drain time as `RpcServer.start` takes it, in milliseconds; its default where undefined. */
export const drainMsOf = ({ drainSeconds }: { readonly drainSeconds?: number | undefined }): number | undefined =>
  drainSeconds === undefined ? undefined : drainSeconds * 1000;
