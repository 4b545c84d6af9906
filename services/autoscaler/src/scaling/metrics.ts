import { meter } from '@alphapo/telemetry';
import { COMPONENTS, type Component, type PerComponent, type WorkloadState } from '../workloads.ts';
import type { Decision, Observation, Target } from './decide.ts';

const BY_COMPONENT = ['component'];

const replicas = meter.gauge({
  name: 'alphapo_autoscaler_replicas',
  help: 'Pods that a workload is scaled to.',
  labels: BY_COMPONENT,
});
const ready = meter.gauge({
  name: 'alphapo_autoscaler_ready_replicas',
  help: 'Pods of a workload that are ready.',
  labels: BY_COMPONENT,
});
const desired = meter.gauge({
  name: 'alphapo_autoscaler_desired_replicas',
  help: 'Desired pods, by reason.',
  labels: ['component', 'reason'],
});
const changes = meter.counter({
  name: 'alphapo_autoscaler_changes_total',
  help: 'Changes of the number of pods, by reason.',
  labels: ['component', 'direction', 'reason'],
});
const blocked = meter.gauge({
  name: 'alphapo_autoscaler_blocked_pods',
  help: 'Pods that cannot run, by reason; Unschedulable: no node has room.',
  labels: ['component', 'reason'],
});
const lag = meter.gauge({
  name: 'alphapo_lag_records',
  help: 'Records that tokenizers (preferences) or the optimizer (preference-batches) have not finished.',
  labels: ['topic'],
});
const pending = meter.gauge({
  name: 'alphapo_autoscaler_pending_shards',
  help: 'Shards of the running step, as the optimizer reports.',
});
const calls = meter.gauge({
  name: 'alphapo_autoscaler_score_calls',
  help: 'Score calls that are waiting or running, at all activators.',
});
const generateCalls = meter.gauge({
  name: 'alphapo_autoscaler_generate_calls',
  help: 'Calls of samplers that are waiting or running, at all activators.',
});
const leading = meter.gauge({ name: 'alphapo_autoscaler_leader', help: '1 if this replica is the leader.' });
const runEnded = meter.gauge({
  name: 'alphapo_autoscaler_run_ended',
  help: '1 if the run of the current configuration has taken its last step.',
});
const failures = meter.counter({
  name: 'alphapo_autoscaler_failures_total',
  help: 'Rounds in which a peer did not answer or returned an error.',
  labels: ['peer'],
});
// From the start on: an alert sees increases.
for (const peer of ['kafka', 'kubernetes', 'optimizer']) failures.add(0, { peer });

/** What this replica exports as the leader; another replica's series are gone while it does not lead. */
export const scalingMetrics = {
  leads(now: boolean): void {
    leading.set(now ? 1 : 0);
    if (now) return;
    for (const gauge of [replicas, ready, desired, blocked, lag, pending, calls, generateCalls, runEnded])
      gauge.reset();
  },

  /** What is not known has no value. */
  saw(observation: Observation, states: PerComponent<WorkloadState>): void {
    const { preferences, batches, optimizer, scoreCalls } = observation;
    for (const gauge of [blocked, lag]) gauge.reset();
    for (const component of COMPONENTS) {
      const state = states[component];
      replicas.set(state.current, { component });
      ready.set(state.readyReplicas, { component });
      for (const { reason } of state.obstacles) blocked.add(1, { component, reason });
    }
    if (preferences !== undefined) lag.set(preferences.records, { topic: 'preferences' });
    if (batches !== undefined) lag.set(batches.records, { topic: 'preference-batches' });
    pending.set(optimizer?.pendingShards ?? 0);
    calls.set(scoreCalls);
    generateCalls.set(observation.generateCalls);
    runEnded.set(observation.runEnded ? 1 : 0);
    if (preferences === undefined || batches === undefined) failures.add(1, { peer: 'kafka' });
    if (optimizer === undefined && states.optimizer.readyReplicas > 0) failures.add(1, { peer: 'optimizer' });
  },

  decided({ targets }: Decision): void {
    desired.reset();
    for (const component of COMPONENTS) {
      desired.set(targets[component].replicas, { component, reason: targets[component].reason });
    }
  },

  changed(component: Component, from: number, { replicas: to, reason }: Target): void {
    changes.add(1, { component, direction: to > from ? 'up' : 'down', reason });
  },

  /** A round ended with an error: values not yet observed count as missing. */
  failed(): void {
    failures.add(1, { peer: 'kubernetes' });
  },
};
