import {
  OptimizerServiceDefinition,
  SamplerServiceDefinition,
  ScorerServiceDefinition,
  TokenizerServiceDefinition,
} from '@alphapo/contracts';
import {
  type CallSettings,
  type Client,
  connect,
  type ProtoService,
  RpcSecurity,
  type rpcSecuritySettings,
} from '@alphapo/rpc';
import type { ValuesOf } from '@alphapo/settings';
import { createLogger } from '@alphapo/telemetry';

/** TLS and the token, by the names of the command line's options: `{ tls: 'on', tlsCa: 'ca.pem', tokenFile: 'operator.token' }`. */
type SecurityOptions = Partial<ValuesOf<typeof rpcSecuritySettings>>;

export interface OpenOptions {
  /** Absent: plaintext. */
  readonly security?: SecurityOptions;
  /** The same as variables (docs/security.md), such as `process.env`; `security` wins. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Deadline of calls that set none, in milliseconds; a minute where absent. Streams that set none have no deadline. */
  readonly timeoutMs?: number;
}

/** Deadline in milliseconds and AbortSignal of one call. */
export type CallOptions = Partial<Pick<CallSettings, 'timeoutMs' | 'signal'>>;

type Opened<S extends ProtoService> = Client<S, [options?: CallOptions]>;

export type TokenizerClient = Opened<TokenizerServiceDefinition>;
export type ScorerClient = Opened<ScorerServiceDefinition>;
export type SamplerClient = Opened<SamplerServiceDefinition>;
export type OptimizerClient = Opened<OptimizerServiceDefinition>;

const TIMEOUT_MS = 60_000;

/** Connects to a tokenizer at `host:port`. Errors: INVALID_CONFIGURATION and unreadable files of `security` and `environment`. */
export function openTokenizer(address: string, options?: OpenOptions): Promise<TokenizerClient> {
  return open(TokenizerServiceDefinition, address, options);
}

/** Connects to a scorer at `host:port`. Errors: as `openTokenizer`. */
export function openScorer(address: string, options?: OpenOptions): Promise<ScorerClient> {
  return open(ScorerServiceDefinition, address, options);
}

/** Connects to a sampler at `host:port` of its gRPC. Errors: as `openTokenizer`. */
export function openSampler(address: string, options?: OpenOptions): Promise<SamplerClient> {
  return open(SamplerServiceDefinition, address, options);
}

/** Connects to an optimizer at `host:port`. Errors: as `openTokenizer`. */
export function openOptimizer(address: string, options?: OpenOptions): Promise<OptimizerClient> {
  return open(OptimizerServiceDefinition, address, options);
}

async function open<S extends ProtoService>(
  service: S,
  address: string,
  { security: options = {}, environment = {}, timeoutMs = TIMEOUT_MS }: OpenOptions = {},
): Promise<Opened<S>> {
  using opened = new DisposableStack();
  const logger = createLogger({ service: 'alphapo-client', level: 'warn' });
  const security = opened.use(await RpcSecurity.fromSettings({ options, environment }, { logger }));
  const client = opened.use(connect<ProtoService>(service, address, security));
  const methods = Object.entries(service.methods).map(([name, { responseStream }]) => {
    const defaults = { timeoutMs: responseStream ? ('none' as const) : timeoutMs };
    return [name, (request: object, options?: CallOptions) => client[name]?.(request, { ...defaults, ...options })];
  });
  const owned = opened.move();
  return { ...client, ...Object.fromEntries(methods), [Symbol.dispose]: () => owned.dispose() };
}
