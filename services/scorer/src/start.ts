import { type Dtype, type ExecutionProvider, ScorerServiceDefinition } from '@alphapo/contracts';
import { type Engine, type EngineOptions, openEngine } from '@alphapo/engine';
import { PolicySource } from '@alphapo/policies';
import { Handlers, type RpcSecurity, RpcServer } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import { TokenizerPool } from '@alphapo/tokenization';
import type { ScorerEvents } from './events.ts';
import { ScorerService } from './service.ts';

export interface ScorerConfig {
  /** Folder of a Hugging Face model. */
  readonly model: string;
  /** Folder of the model that objectives with a reference compare with; the model itself where absent. */
  readonly referenceModel?: string | undefined;
  /** Host and port to listen on. */
  readonly address: string;
  /** How long running calls have to end at a graceful stop, in milliseconds; the server's default where absent. */
  readonly drainMs?: number | undefined;
  /** Certificates and access; plaintext and open to everybody where absent. */
  readonly security?: RpcSecurity | undefined;
  /** Where policies are fetched; without it only the base model is scored. */
  readonly optimizerAddress?: string | undefined;
  readonly executionProvider: ExecutionProvider;
  /** Element type of frozen weights and activations; float32 where absent. */
  readonly dtype?: Dtype | undefined;
  /** Threads of the computation; all cores where absent. */
  readonly threads?: number | undefined;
  readonly chatTemplate?: string | undefined;
  /** Of a service in the same process, with the same model and chat template. Its own where absent. */
  readonly tokenizer?: TokenizerPool | undefined;
  /** How Score calls are merged; the engine's default where absent. */
  readonly scoring?: EngineOptions['scoring'];
}

export interface RunningScorer extends AsyncDisposable {
  readonly address: string;
  /** Owned by the scorer. */
  readonly engine: Engine;
  /** Aborts when the engine is dead: the scorer answers health checks with NOT_SERVING, and has to be started again. */
  readonly broken: AbortSignal;
}

/** Opens the model and serves it. */
export async function startScorer(config: ScorerConfig, logger: Logger<ScorerEvents>): Promise<RunningScorer> {
  await using opened = new AsyncDisposableStack();
  const engine = opened.use(await openEngine(config.model, config));
  const { chatTemplate } = config;
  const tokenizer = config.tokenizer ?? opened.use(await TokenizerPool.open(config.model, { chatTemplate }));
  const text = { tokenizer, maxLength: engine.model.maxPositions };
  const policies = opened.use(new PolicySource(engine, config.optimizerAddress, config.security));
  const service = new ScorerService(engine, policies, text);
  const handlers = new Handlers(logger);
  const implementation = {
    describeScorer: handlers.unary(async () => service.describe()),
    score: handlers.unary(service.score.bind(service)),
    gradient: handlers.serverStream(service.gradient.bind(service)),
  };
  const server = opened.use(
    await RpcServer.start({
      address: config.address,
      services: [{ definition: ScorerServiceDefinition, implementation }],
      handlers,
      security: config.security,
      drainMs: config.drainMs,
    }),
  );
  engine.stopped.addEventListener('abort', () => server.setServing(false), { once: true });
  logger.info('scorer.started', { address: server.address, ...engine.model });
  const owned = opened.move();
  return { address: server.address, engine, broken: engine.stopped, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
