import { meter, SECONDS_BUCKETS } from '@alphapo/telemetry';
import { ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';

/** Prefixed as in other gRPC servers: Prometheus gives targets a label `service` of its own. */
const METHOD = ['grpc_service', 'grpc_method'];

const handled = meter.counter({
  name: 'alphapo_grpc_server_handled_total',
  help: 'Calls that ended, by method and gRPC status code.',
  labels: [...METHOD, 'grpc_code'],
});
const seconds = meter.histogram({
  name: 'alphapo_grpc_server_handling_seconds',
  help: 'Time from the arrival of a call to its end, including time in queues.',
  labels: METHOD,
  buckets: SECONDS_BUCKETS,
});
const underWay = meter.gauge({
  name: 'alphapo_grpc_server_in_flight',
  help: 'Calls that are running or waiting.',
  labels: METHOD,
});

/** Counts and times all calls of a server, those that are turned away included. */
export function countingCalls(): ServerInterceptor {
  return ({ path }, call) => {
    const [, service = '', method = ''] = path.split('/');
    const labels = { grpc_service: service, grpc_method: method };
    const started = performance.now();
    // Without a status of ours the call ended by its client.
    let code: status = status.CANCELLED;
    return new ServerInterceptingCall(call, {
      start: (next) => {
        underWay.add(1, labels);
        next({
          // Comes once for every call that has begun, whichever way it ends.
          onCancel: () => {
            underWay.add(-1, labels);
            handled.add(1, { ...labels, grpc_code: status[code] });
            seconds.observe((performance.now() - started) / 1000, labels);
          },
        });
      },
      sendStatus: (result, next) => {
        code = result.code;
        next(result);
      },
    });
  };
}
