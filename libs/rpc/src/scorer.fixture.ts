import { GradientRequest, type ScoreRequest, ScorerServiceDefinition, type TensorChunk } from '@alphapo/contracts';
import { createLogger } from '@alphapo/telemetry';
import { type CallContext, connect, Handlers, inProcess, type RpcSecurity, RpcServer } from './index.ts';
import type { ServerLimits } from './limits.ts';

/** A scorer whose answers a test decides. */

export const SOON = { timeoutMs: 5_000 };

export const SCORE: ScoreRequest = {
  items: [],
  policy: undefined,
  perToken: false,
  objective: undefined,
  batch: undefined,
};

export const GRADIENT = GradientRequest.fromPartial({});

/** A message of a quarter of a megabyte. */
export const chunk = (n: number): TensorChunk => ({
  name: `${n}`,
  dataType: 1,
  shape: [],
  byteOffset: 0n,
  data: Buffer.alloc(2 ** 18),
});

export interface Behaviour {
  score?: (request: ScoreRequest, context: CallContext) => Promise<{ results: []; policy: undefined }>;
  gradient?: (context: CallContext) => AsyncIterable<TensorChunk>;
}

export type TransportKind = 'network' | 'in-process';

export interface ServeOptions {
  readonly kind?: TransportKind;
  readonly security?: RpcSecurity;
  readonly limits?: Partial<ServerLimits>;
}

/** Serves it on a free port, with a connection that has the same security. */
export async function serve(
  { score, gradient }: Behaviour = {},
  { kind = 'network', security, limits = {} }: ServeOptions = {},
) {
  const handlers = new Handlers(createLogger({ service: 'test', level: 'silent' }));
  const implementation = {
    describeScorer: handlers.unary(() => Promise.reject(new Error('secret'))),
    score: handlers.unary(score ?? (async () => ({ results: [] as [], policy: undefined }))),
    gradient: handlers.serverStream(async function* (_request, context) {
      for await (const value of gradient?.(context) ?? []) yield { part: { $case: 'chunk', value } } as const;
    }),
  };
  const services = [{ definition: ScorerServiceDefinition, implementation }];
  const options = { address: '127.0.0.1:0', services, handlers, drainMs: 1000, security, limits };
  const server = await RpcServer.start(options);
  const address = kind === 'network' ? server.address : inProcess(server.address);
  return { server, connection: connect(ScorerServiceDefinition, address, security) };
}
