import type { MessagingEvents } from '@alphapo/messaging';
import type { RpcEvents } from '@alphapo/rpc';
import type { TelemetryEvents } from '@alphapo/telemetry';
import type { Target } from './scaling/decide.ts';
import type { Component } from './workloads.ts';

/** What an autoscaler logs. */
export type AutoscalerEvents = ScalingEvents &
  LeadershipEvents &
  ActivatorEvents &
  MessagingEvents &
  RpcEvents &
  TelemetryEvents;

type ScalingEvents = {
  /** A workload was asked for another number of pods. */
  'workload.scaled': {
    readonly component: Component;
    readonly from: number;
    readonly to: number;
    readonly reason: Target['reason'];
  };
  /** A workload changed since it was looked at; the next round decides again. */
  'workload.changed-meanwhile': { readonly component: Component };
  /** Pods cannot run; when it begins, and every ten minutes while it lasts. `pods`: how many; `message`: of one. Level: warn. */
  'workload.blocked': {
    readonly component: Component;
    readonly reason: string;
    readonly pods: number;
    readonly message: string | undefined;
  };
  /** A round of looking, deciding and scaling failed. `failures`: in a row. Level: warn. */
  'round.failed': { readonly failures: number; readonly error: unknown };
  /** The event log did not say what a group has not read. Level: warn. */
  'lag.unknown': { readonly group: string; readonly topic: string; readonly error: unknown };
  /** The optimizer did not say how the run is. Level: warn. */
  'optimizer.silent': { readonly error: unknown };
  /** The optimizer says that the run is finished. `message`: its own. */
  'run.ended': { readonly message: string };
  /** An event could not be attached to the workload in Kubernetes. Level: warn. */
  'kubernetes-event.not-reported': { readonly component: Component; readonly error: unknown };
};

type LeadershipEvents = {
  /** This replica leads. */
  'leadership.acquired': { readonly identity: string };
  /** The Lease could not be taken or renewed. Level: warn. */
  'leadership.not-confirmed': { readonly identity: string; readonly error: unknown };
  /** The Lease ran out, or another replica has it. */
  'leadership.lost': { readonly identity: string };
  /** This replica stops, and another one may lead at once. */
  'leadership.given-back': { readonly identity: string };
  /** The Lease could not be released; it runs out by itself. Level: warn. */
  'leadership.not-given-back': { readonly identity: string; readonly error: unknown };
};

type ActivatorEvents = {
  /** Calls for scorers and samplers are served. */
  'activator.started': { readonly address: string; readonly httpAddress: string | undefined };
  /** KEDA's questions are served. */
  'external-scaler.started': { readonly address: string };
  /** Scorers cannot be looked up; those that are known are kept. Level: warn. */
  'scorer-discovery.failed': { readonly error: unknown };
  /** Samplers cannot be looked up; those that are known are kept. Level: warn. */
  'sampler-discovery.failed': { readonly error: unknown };
  /** A request over HTTP failed for a reason that is neither the caller's nor the sampler's. Level: error. */
  'http.not-forwarded': { readonly method: string; readonly path: string; readonly error: unknown };
  /** A call brought a workload from zero pods to one. */
  'workload.woken': { readonly component: Component };
  /** A workload that a call needs could not be woken; it is tried again every second. Level: warn. */
  'workload.not-woken': { readonly component: Component; readonly error: unknown };
  /** A workload could not be marked as in use, or the mark not removed. Level: warn. */
  'workload.not-marked': { readonly component: Component; readonly error: unknown };
};
