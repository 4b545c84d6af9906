import { OptimizerServiceDefinition } from '@alphapo/contracts';
import { openConfiguredLog } from '@alphapo/messaging';
import { connect, RpcSecurity } from '@alphapo/rpc';
import type { SettingSources } from '@alphapo/settings';
import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { startActivator } from './activator/start.ts';
import { autoscalerConfigFrom } from './config.ts';
import type { AutoscalerEvents } from './events.ts';
import { AnnotatedWorkloads } from './keda/annotated-workloads.ts';
import { startExternalScaler } from './keda/external-scaler.ts';
import { KubernetesWorkloads, kubernetesLease, openKubernetesApi } from './kubernetes/index.ts';
import { standForElection } from './leadership/leader-election.ts';
import { control } from './scaling/controller.ts';
import { Lags } from './scaling/lags.ts';
import { observe } from './scaling/observer.ts';

/** The whole service: as its settings say, until the signal. Every replica takes calls, one of them decides. */
export async function runAutoscaler(
  sources: SettingSources,
  logger: Logger<AutoscalerEvents>,
  signal: AbortSignal,
): Promise<void> {
  const config = autoscalerConfigFrom(sources);
  const { namespace, references, pod, topics, settings, pollMs, kedaAddress } = config;
  const api = openKubernetesApi();
  using security = await RpcSecurity.fromSettings(sources, { logger });
  await using _metrics = await serveMetrics(sources, logger);
  const scaled = new KubernetesWorkloads(api, { namespace, references, identity: pod });
  const workloads = kedaAddress === undefined ? scaled : new AnnotatedWorkloads(scaled);
  await using _externalScaler =
    kedaAddress === undefined ? undefined : await startExternalScaler(kedaAddress, workloads, logger);
  await using _activator = await startActivator({ ...config, security }, workloads, logger);
  const openLog = () =>
    openConfiguredLog(sources, {
      clientId: 'alphapo-autoscaler',
      logger: logger.log,
    });
  await using lags = new Lags(openLog, logger);
  using optimizer = connect(OptimizerServiceDefinition, config.optimizer, security);
  const observer = { workloads, lags, topics, optimizer, logger };
  const controller = { observe: () => observe(observer), workloads, settings, pollMs, logger };
  await standForElection(
    { store: kubernetesLease(api, namespace, config.lease), identity: pod, logger },
    (leadership) => control(controller, leadership),
    signal,
  );
}
