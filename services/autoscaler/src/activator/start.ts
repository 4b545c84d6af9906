import { ScorerServiceDefinition } from '@alphapo/contracts';
import { Handlers, type RpcSecurity, RpcServer, resolveAddresses } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import type { Workloads } from '../workloads.ts';
import { ActivatorService } from './activator-service.ts';
import { HeldCalls, type HeldLimits } from './held-calls.ts';
import { ReadyScorers } from './ready-scorers.ts';
import { Waker } from './waker.ts';

export interface ActivatorConfig {
  /** Host and port to listen on. */
  readonly address: string;
  /** How long running calls have to end at a graceful stop, in milliseconds; the server's default where absent. */
  readonly drainMs?: number | undefined;
  readonly security: RpcSecurity | undefined;
  /** Host and port of the scorers; the name has the address of each that is ready. */
  readonly scorers: string;
  /** Scorers that are ready now; by default those that `scorers` stands for in DNS. */
  readonly discover?: () => Promise<readonly string[]>;
  /** What may wait for a scorer. */
  readonly held: HeldLimits;
  readonly waitMs: number;
  /** Name of this pod. */
  readonly pod: string;
}

/** Serves the scorer's methods to other systems, and wakes scorers for them. */
export async function startActivator(
  config: ActivatorConfig,
  workloads: Workloads,
  logger: Logger<AutoscalerEvents>,
): Promise<AsyncDisposable & { readonly address: string }> {
  const { scorers: scorerPods, discover = () => resolveAddresses(scorerPods), security, waitMs } = config;
  await using opened = new AsyncDisposableStack();
  const wakers = {
    scorer: new Waker(workloads, 'scorer', { pod: config.pod, logger }),
    optimizer: new Waker(workloads, 'optimizer', { pod: config.pod, logger }),
  };
  opened.defer(() => Promise.all([wakers.scorer.forget(), wakers.optimizer.forget()]).then(() => {}));
  const scorers = opened.use(new ReadyScorers(discover, security, logger));
  const stop = new AbortController();
  const trustsCallers = security?.access !== undefined;
  const service = new ActivatorService({
    scorers,
    wakers,
    scorerPods,
    held: new HeldCalls(config.held),
    waitMs,
    stopping: stop.signal,
    trustsCallers,
  });
  const handlers = new Handlers(logger);
  const implementation = {
    describeScorer: handlers.unary(service.describeScorer.bind(service)),
    score: handlers.unary(service.score.bind(service)),
    gradient: handlers.serverStream(service.gradient.bind(service)),
  };
  const services = [{ definition: ScorerServiceDefinition, implementation }];
  const server = opened.use(
    await RpcServer.start({ address: config.address, services, handlers, security, drainMs: config.drainMs }),
  );
  opened.defer(async () => stop.abort());
  logger.info('activator.started', { address: server.address });
  const owned = opened.move();
  return { address: server.address, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
