import type { ModelDescription } from '@alphapo/engine';
import type { RpcEvents } from '@alphapo/rpc';
import type { TelemetryEvents } from '@alphapo/telemetry';

/** What a sampler logs. */
export type SamplerEvents = OwnEvents & RpcEvents & TelemetryEvents;

type OwnEvents = {
  /** The model is loaded, and calls are served. */
  'sampler.started': ModelDescription & { readonly address: string; readonly httpAddress: string | undefined };
  /** An HTTP request failed for a reason that is not the caller's. */
  'http.failed': { readonly method: string; readonly path: string; readonly error: unknown };
};
