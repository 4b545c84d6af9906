import { AlphapoError } from '@alphapo/base';
import { keda } from '@alphapo/contracts';
import { Handlers, RpcServer } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import { COMPONENTS, type Component, type Workloads } from '../workloads.ts';

/** Of the metric, one pod takes one: KEDA then has as many pods as the metric says. */
const METRIC = 'desired-replicas';

/**
 * Answers KEDA in plaintext and without tokens, which it has none of: numbers of pods are no secret, and nothing can be changed here.
 * `workloads`: read as they should be.
 */
export async function startExternalScaler(
  address: string,
  workloads: Workloads,
  logger: Logger<AutoscalerEvents>,
): Promise<AsyncDisposable & { readonly address: string }> {
  const desired = async (object: keda.ScaledObjectRef | undefined) =>
    (await workloads.read(componentOf(object))).replicas;
  const handlers = new Handlers(logger);
  const implementation = {
    isActive: handlers.unary(async (object: keda.ScaledObjectRef) => ({ result: (await desired(object)) > 0 })),
    getMetricSpec: handlers.unary(async () => ({ metricSpecs: [{ metricName: METRIC, targetSizeFloat: 1 }] })),
    getMetrics: handlers.unary(async ({ scaledObjectRef }: keda.GetMetricsRequest) => ({
      metricValues: [{ metricName: METRIC, metricValueFloat: await desired(scaledObjectRef) }],
    })),
  };
  const services = [{ definition: keda.ExternalScalerDefinition, implementation }];
  const server = await RpcServer.start({ address, services, handlers });
  logger.info('external-scaler.started', { address: server.address });
  return server;
}

/** What a ScaledObject scales, by its trigger's metadata. Errors: UNKNOWN_COMPONENT. */
function componentOf(object: keda.ScaledObjectRef | undefined): Component {
  const named = object?.scalerMetadata.component;
  const component = COMPONENTS.find((known) => known === named);
  if (component !== undefined) return component;
  throw new AlphapoError(
    'invalid-argument',
    'UNKNOWN_COMPONENT',
    `the trigger's metadata of ScaledObject ${object?.namespace}/${object?.name} has the component "${named ?? ''}"; it must be one of ${COMPONENTS.join(', ')}`,
  );
}
