import { SamplerServiceDefinition, ScorerServiceDefinition } from '@alphapo/contracts';
import { connect, Handlers, HttpServer, RpcSecurity, RpcServer, resolveAddresses, type Service } from '@alphapo/rpc';
import { type Logger, meter } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import type { Workloads } from '../workloads.ts';
import { Forwarding, type ForwardingParts } from './forwarding.ts';
import { HeldCalls, type HeldLimits } from './held-calls.ts';
import { ReadyPods } from './ready-pods.ts';
import { SamplerCalls } from './sampler-calls.ts';
import { SamplerConnection } from './sampler-connection.ts';
import { SamplerRequests } from './sampler-requests.ts';
import { ScorerCalls } from './scorer-calls.ts';
import { type Called, Waker } from './waker.ts';

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
  /** Without it, calls for samplers are not taken. */
  readonly samplers?: SamplersConfig | undefined;
  /** What may wait for a scorer, and as much for a sampler. */
  readonly held: HeldLimits;
  readonly waitMs: number;
  /** Name of this pod. */
  readonly pod: string;
}

export interface SamplersConfig {
  /** Host and port of their gRPC; the name has the address of each that is ready. */
  readonly pods: string;
  /** Samplers that are ready now; by default those that `pods` stands for in DNS. */
  readonly discover?: () => Promise<readonly string[]>;
  /** Port of their HTTP API. */
  readonly httpPort: number;
  /** Host and port where HTTP requests are taken; undefined: gRPC only. */
  readonly httpAddress: string | undefined;
}

export interface RunningActivator extends AsyncDisposable {
  readonly address: string;
  readonly httpAddress: string | undefined;
}

/** Serves the methods of scorers and samplers to other systems, and wakes these for them. */
export async function startActivator(
  config: ActivatorConfig,
  workloads: Workloads,
  logger: Logger<AutoscalerEvents>,
): Promise<RunningActivator> {
  const { samplers, security = RpcSecurity.none, held, pod, drainMs } = config;
  await using opened = new AsyncDisposableStack();
  const waker = (component: Called | 'optimizer') => new Waker(workloads, component, { pod, logger });
  const wakers = { scorer: waker('scorer'), sampler: waker('sampler'), optimizer: waker('optimizer') };
  opened.defer(() => Promise.all(Object.values(wakers).map((one) => one.forget())).then(() => {}));
  const stop = new AbortController();
  const waiting = { scorer: new HeldCalls('scorer', held), sampler: new HeldCalls('sampler', held) };
  meter.observed(
    { name: 'alphapo_activator_held_calls', help: 'Calls that wait for a scorer or sampler.' },
    () => waiting.scorer.calls + waiting.sampler.calls,
  );
  const common = { opened, wakers, waiting, waitMs: config.waitMs, stopping: stop.signal, security, logger };
  const passing = { trustsCallers: security.access !== undefined };
  const handlers = new Handlers(logger);
  const scorers = new ScorerCalls({ ...passing, forwarding: toScorers(config, common), scorerPods: config.scorers });
  const services = [scorerService(handlers, scorers)];
  let http: HttpServer | undefined;
  if (samplers !== undefined) {
    const forwarding = toSamplers(samplers, common);
    services.push(samplerService(handlers, new SamplerCalls({ ...passing, forwarding })));
    const requests = new SamplerRequests({ ...passing, forwarding, security, logger });
    const { httpAddress: address } = samplers;
    const listener = requests.answer.bind(requests);
    if (address !== undefined) http = opened.use(await HttpServer.start({ address, listener, security, drainMs }));
  }
  const server = await RpcServer.start({ address: config.address, services, handlers, security, drainMs });
  // Both drain at the same time: a pod has that time only once.
  opened.defer(async () => {
    stop.abort();
    await Promise.all([server, http].map((door) => door?.[Symbol.asyncDispose]()));
  });
  const addresses = { address: server.address, httpAddress: http?.address };
  logger.info('activator.started', addresses);
  const owned = opened.move();
  return { ...addresses, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** What forwarding to scorers and to samplers has in common. */
interface Common extends Pick<ForwardingParts<Disposable>, 'wakers' | 'waitMs' | 'stopping'> {
  readonly opened: AsyncDisposableStack;
  readonly waiting: Readonly<Record<Called, HeldCalls>>;
  readonly security: RpcSecurity;
  readonly logger: Logger<AutoscalerEvents>;
}

function toScorers({ scorers, discover = () => resolveAddresses(scorers) }: ActivatorConfig, common: Common) {
  return forwardingTo('scorer', discover, common, (address) =>
    connect(ScorerServiceDefinition, address, common.security),
  );
}

function toSamplers({ pods, discover = () => resolveAddresses(pods), httpPort }: SamplersConfig, common: Common) {
  const { security } = common;
  return forwardingTo('sampler', discover, common, (address) => new SamplerConnection(address, { httpPort, security }));
}

function forwardingTo<Connection extends Disposable>(
  component: Called,
  discover: () => Promise<readonly string[]>,
  { opened, waiting, security, logger, ...parts }: Common,
  connectTo: (address: string) => Connection,
): Forwarding<Connection> {
  const pods = opened.use(new ReadyPods({ component, discover, connect: connectTo, security, logger }));
  return new Forwarding({ ...parts, component, pods, held: waiting[component] });
}

function scorerService(handlers: Handlers, calls: ScorerCalls): Service {
  const implementation = {
    describeScorer: handlers.unary(calls.describeScorer.bind(calls)),
    score: handlers.unary(calls.score.bind(calls)),
    gradient: handlers.serverStream(calls.gradient.bind(calls)),
  };
  return { definition: ScorerServiceDefinition, implementation };
}

function samplerService(handlers: Handlers, calls: SamplerCalls): Service {
  const implementation = {
    describeSampler: handlers.unary(calls.describeSampler.bind(calls)),
    generate: handlers.serverStream(calls.generate.bind(calls)),
  };
  return { definition: SamplerServiceDefinition, implementation };
}
