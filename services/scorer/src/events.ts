import type { ModelDescription } from '@alphapo/engine';
import type { RpcEvents } from '@alphapo/rpc';
import type { TelemetryEvents } from '@alphapo/telemetry';

/** What a scorer logs. */
export type ScorerEvents = OwnEvents & RpcEvents & TelemetryEvents;

type OwnEvents = {
  /** The model is loaded, and calls are served. */
  'scorer.started': ModelDescription & { readonly address: string };
};
