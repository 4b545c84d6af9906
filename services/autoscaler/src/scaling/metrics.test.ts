import { meter } from '@alphapo/telemetry';
import { MemoryWorkloads } from '../cluster.fixture.ts';
import { perComponent } from '../workloads.ts';
import type { Observation } from './decide.ts';
import { scalingMetrics } from './metrics.ts';

const workloads = new MemoryWorkloads();
const states = () => perComponent((component) => workloads.state(component));
const SEEN: Observation = {
  nowMs: 0,
  replicas: perComponent(() => 0),
  preferences: { records: 5, partitions: 1 },
  batches: { records: 2, partitions: 1 },
  optimizer: { state: 'training', pendingShards: 3 },
  runEnded: false,
  scoreCalls: 0,
  generateCalls: 0,
  policyWanted: false,
};

/** Values of a metric's series, by their labels as written. */
async function seriesOf(name: string): Promise<Record<string, number>> {
  const { text } = await meter.exposition();
  const lines = [...text.matchAll(new RegExp(`^${name}(\\{.*\\})? (\\S+)$`, 'gm'))];
  return Object.fromEntries(lines.map(([, labels = '', value]) => [labels, Number(value)]));
}

test('a lag that is not known has no value, and who did not answer is counted', async () => {
  workloads.change('optimizer', { replicas: 1, readyReplicas: 1 });
  scalingMetrics.saw(SEEN, states());
  expect(await seriesOf('alphapo_lag_records')).toEqual({
    '{topic="preferences"}': 5,
    '{topic="preference-batches"}': 2,
  });
  scalingMetrics.saw({ ...SEEN, batches: undefined, optimizer: undefined }, states());
  expect(await seriesOf('alphapo_lag_records')).toEqual({ '{topic="preferences"}': 5 });
  scalingMetrics.failed();
  scalingMetrics.failed();
  expect(await seriesOf('alphapo_autoscaler_failures_total')).toEqual({
    '{peer="kafka"}': 1,
    '{peer="kubernetes"}': 2,
    '{peer="optimizer"}': 1,
  });
});

test('an optimizer that is not there does not fail to answer', async () => {
  workloads.change('optimizer', { replicas: 0, readyReplicas: 0 });
  const before = await seriesOf('alphapo_autoscaler_failures_total');
  scalingMetrics.saw({ ...SEEN, optimizer: undefined, runEnded: true }, states());
  expect(await seriesOf('alphapo_autoscaler_failures_total')).toEqual(before);
  expect(await seriesOf('alphapo_autoscaler_run_ended')).toEqual({ '': 1 });
});

test('a replica that leads no more has no word on the run', async () => {
  scalingMetrics.saw({ ...SEEN, runEnded: true }, states());
  scalingMetrics.leads(false);
  expect(await seriesOf('alphapo_lag_records')).toEqual({});
  expect(await seriesOf('alphapo_autoscaler_run_ended')).toEqual({ '': 0 });
});
