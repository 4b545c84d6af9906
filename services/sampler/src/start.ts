import { basename, resolve } from 'node:path';
import { type Dtype, type ExecutionProvider, SamplerServiceDefinition } from '@alphapo/contracts';
import { type Engine, openEngine } from '@alphapo/engine';
import { TextGenerator } from '@alphapo/generation';
import { readEndTokens } from '@alphapo/models';
import { PolicySource } from '@alphapo/policies';
import { Handlers, HttpServer, RpcSecurity, RpcServer } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import { openTokenizer, TokenizerPool } from '@alphapo/tokenization';
import { Adapters } from './adapters.ts';
import type { SamplerEvents } from './events.ts';
import { httpListener } from './http/app.ts';
import { ModelNames } from './model-names.ts';
import { Sampler } from './sampler.ts';
import { SamplerService } from './service.ts';

export interface SamplerConfig {
  /** Folder of a Hugging Face model. */
  readonly model: string;
  /** Of a service in the same process, with the same model: a second one would hold all weights again. Its own where absent. */
  readonly engine?: Engine | undefined;
  /** Of a service in the same process, with the same model and chat template. Its own where absent. */
  readonly tokenizer?: TokenizerPool | undefined;
  /** Name of the base model over HTTP; the folder's name where absent. */
  readonly modelName?: string | undefined;
  readonly chatTemplate?: string | undefined;
  /** Folders of PEFT adapters by their names. */
  readonly adapters: ReadonlyMap<string, string>;
  /** Host and port of gRPC. */
  readonly address: string;
  /** Host and port of the OpenAI-compatible HTTP API; without it there is none. */
  readonly httpAddress?: string | undefined;
  /** How long running calls have to end at a graceful stop, in milliseconds; the server's default where absent. */
  readonly drainMs?: number | undefined;
  /** Certificates and access; plaintext and open to everybody where absent. */
  readonly security?: RpcSecurity | undefined;
  /** Where policies are fetched; without it there are the base model and adapters only. */
  readonly optimizerAddress?: string | undefined;
  readonly executionProvider: ExecutionProvider;
  /** Element type of weights and activations; float32 where absent. */
  readonly dtype?: Dtype | undefined;
  /** Threads of the computation; all cores where absent. */
  readonly threads?: number | undefined;
  /** Memory for the keys and values of running continuations; the engine's default where absent. */
  readonly cacheBytes?: number | undefined;
}

export interface RunningSampler extends AsyncDisposable {
  readonly address: string;
  readonly httpAddress: string | undefined;
  /** Aborts when the engine is dead: the sampler answers health checks with NOT_SERVING, and has to be started again. */
  readonly broken: AbortSignal;
}

/** Opens the model and serves it. Errors: those of opening model, tokenizer and adapters; INVALID_CONFIGURATION. */
export async function startSampler(config: SamplerConfig, logger: Logger<SamplerEvents>): Promise<RunningSampler> {
  await using opened = new AsyncDisposableStack();
  const { model, security = RpcSecurity.none, optimizerAddress, drainMs } = config;
  const modelName = config.modelName ?? basename(resolve(model));
  const adapterNames = [...config.adapters.keys()];
  const names = new ModelNames(modelName, { adapters: adapterNames, latest: optimizerAddress !== undefined });
  const engine = config.engine ?? opened.use(await openEngine(model, config));
  const encoder =
    config.tokenizer ?? opened.use(await TokenizerPool.open(model, { chatTemplate: config.chatTemplate }));
  const decoder = encoder.description.takes === 'ids' ? undefined : await openTokenizer(model);
  const endTokens = await readEndTokens(model, decoder?.special.eos);
  const policies = opened.use(new PolicySource(engine, optimizerAddress, security));
  const adapters = await Adapters.open(engine, config.adapters);
  const generator = new TextGenerator({ engine, tokenizer: decoder, endTokens });
  const sampler = new Sampler({ engine, generator, encoder, decoder, policies, adapters });
  const service = new SamplerService(sampler, modelName);
  const handlers = new Handlers(logger);
  const implementation = {
    describeSampler: handlers.unary(async () => service.describe()),
    generate: handlers.serverStream(service.generate.bind(service)),
  };
  const services = [{ definition: SamplerServiceDefinition, implementation }];
  const listener = httpListener({ sampler, names, security, logger, stopped: engine.stopped });
  const http =
    config.httpAddress === undefined
      ? undefined
      : opened.use(await HttpServer.start({ address: config.httpAddress, listener, security, drainMs }));
  const server = await RpcServer.start({ address: config.address, services, handlers, security, drainMs });
  // Both drain at the same time: a pod has that time only once.
  opened.defer(async () => {
    await Promise.all([server, http].map((door) => door?.[Symbol.asyncDispose]()));
  });
  engine.stopped.addEventListener('abort', () => server.setServing(false), { once: true });
  const addresses = { address: server.address, httpAddress: http?.address };
  logger.info('sampler.started', { ...addresses, ...engine.model });
  const owned = opened.move();
  return { ...addresses, broken: engine.stopped, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
