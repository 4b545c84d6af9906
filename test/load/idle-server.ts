import { Handlers, RpcServer } from '@alphapo/rpc';
import { createLogger } from '@alphapo/telemetry';
import { performTask } from './child.ts';

/** A server that does nothing: what its health checks take is what the machine takes, not a service. */

export interface IdleTask {
  readonly address: string;
}

await performTask<IdleTask, object>(async ({ address }, stop) => {
  const handlers = new Handlers(createLogger({ service: 'idle', level: 'silent' }));
  await using _server = await RpcServer.start({ address, services: [], handlers });
  await new Promise((resolve) => stop.addEventListener('abort', resolve));
  return {};
});
