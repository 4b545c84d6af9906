import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AlphapoError, formatHostAndPort, type HostAndPort, messageOf, parseHostAndPort } from '@alphapo/base';
import { resolveSettings, type SettingSources } from '@alphapo/settings';
import type { TelemetryEvents } from './events.ts';
import type { Logger } from './logger.ts';
import { meter } from './meter.ts';
import { metricsSettings } from './metrics-settings.ts';

/** Makes a service's metrics: keeps them up to date from the events of its log until it is disposed of. */
export type Measuring<Events> = (logger: Logger<Events>) => Disposable;

/**
 * Serves the metrics of this process over HTTP at /metrics, in Prometheus' format, where `metricsAddress` says so.
 * Errors: INVALID_CONFIGURATION and CANNOT_LISTEN with the address.
 */
export async function serveMetrics<Events extends TelemetryEvents>(
  sources: SettingSources,
  logger: Logger<Events>,
  measure?: Measuring<Events>,
): Promise<AsyncDisposable & { readonly address: string | undefined }> {
  const { metricsAddress: address } = resolveSettings(metricsSettings, sources);
  await using opened = new AsyncDisposableStack();
  if (address === undefined) return { address, [Symbol.asyncDispose]: async () => {} };
  meter.addProcessMetrics();
  if (measure !== undefined) opened.use(measure(logger));
  const { host, port } = parseHostAndPort(address);
  const server = await listen({ host, port });
  opened.defer(() => close(server));
  const own: Logger<TelemetryEvents> = logger;
  const listening = formatHostAndPort({ host, port: (server.address() as AddressInfo).port });
  own.info('metrics-server.started', { address: listening });
  const owned = opened.move();
  return { address: listening, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function listen({ host, port }: HostAndPort): Promise<Server> {
  const server = createServer(async (request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    const { text, contentType } = await meter.exposition();
    response.writeHead(200, { 'content-type': contentType }).end(text);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    throw new AlphapoError(
      'unavailable',
      'CANNOT_LISTEN',
      `metrics-address: cannot serve metrics on ${formatHostAndPort({ host, port })}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  return server;
}

/** Ends the server with the connections that scrapers keep open. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
