/** Series by name, with labels of their own where they have any; values a minute apart, in promtool's notation. */
type Series = Readonly<Record<string, string>>;

interface AlertCase {
  /** When it fires, and when it does not yet. */
  readonly fires: readonly {
    readonly when: string;
    readonly series: Series;
    readonly atMinute: number;
    /** Of those that there are when it fires. */
    readonly labels?: Readonly<Record<string, string>>;
    readonly notAtMinute: number;
  }[];
  /** When it never fires. */
  readonly isQuiet: readonly { readonly when: string; readonly series: Series }[];
}

const BATCHES = 'alphapo_lag_records{topic="preference-batches"}';
const BATCHED = 'alphapo_preferences_total{outcome="batched"}';
const DEAD = 'alphapo_preferences_total{outcome="dead-letter"}';
const TURNED_AWAY = 'alphapo_grpc_server_handled_total{grpc_method="Score",grpc_code="RESOURCE_EXHAUSTED"}';

/** How long cases go on, in minutes. */
export const LAST_MINUTE = 60;

/** Each alert of the chart: what it fires for, and what it does not. `checkpointEvery` is 50, as by default. */
export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  AlphapoRunStalled: {
    fires: [
      {
        when: 'batches wait for an optimizer that has never been there',
        series: { [BATCHES]: '3x60' },
        ...{ notAtMinute: 14, atMinute: 15 },
      },
      {
        when: 'batches wait, and steps are taken no more',
        series: { [BATCHES]: '3x60', alphapo_run_step: '0+1x20 20x40' },
        ...{ notAtMinute: 34, atMinute: 50 },
      },
      {
        when: 'shards wait, where nobody measures the lag',
        series: { alphapo_pending_shards: '4x60', alphapo_run_step: '7x60' },
        ...{ notAtMinute: 14, atMinute: 15 },
      },
    ],
    isQuiet: [
      { when: 'steps are slow', series: { [BATCHES]: '9x60', alphapo_run_step: '0x12 1x13 2x13 3x13 4x13' } },
      {
        when: 'nothing waits',
        series: { [BATCHES]: '0x60', alphapo_pending_shards: '0x60', alphapo_run_step: '7x60' },
      },
      {
        when: 'the run has ended, and batches are left over',
        series: { [BATCHES]: '3x60', alphapo_autoscaler_run_ended: '1x60' },
      },
    ],
  },
  AlphapoPodsBlocked: {
    fires: [
      {
        when: 'pods find no node',
        series: { 'alphapo_autoscaler_blocked_pods{component="scorer",reason="Unschedulable"}': '2x60' },
        labels: { component: 'scorer', reason: 'Unschedulable' },
        ...{ notAtMinute: 9, atMinute: 10 },
      },
    ],
    isQuiet: [
      {
        when: 'they find one soon',
        series: { 'alphapo_autoscaler_blocked_pods{component="scorer",reason="Unschedulable"}': '2x8 stale' },
      },
    ],
  },
  AlphapoCheckpointOld: {
    fires: [
      {
        when: 'steps go on and checkpoints do not',
        series: { alphapo_run_step: '0+10x60', alphapo_checkpoint_step: '0x60' },
        ...{ notAtMinute: 20, atMinute: 21 },
      },
    ],
    isQuiet: [
      {
        when: 'checkpoints follow',
        series: { alphapo_run_step: '0+10x60', alphapo_checkpoint_step: '0x15 150x15 300x15 450x15' },
      },
    ],
  },
  AlphapoModelHarmed: {
    fires: [
      {
        when: 'an evaluation has shown a sign of harm',
        series: { alphapo_run_warnings: '0x10 1x30' },
        ...{ atMinute: 11, notAtMinute: 10 },
      },
    ],
    isQuiet: [{ when: 'none has', series: { alphapo_run_warnings: '0x40' } }],
  },
  AlphapoShardsFail: {
    fires: [
      {
        when: 'two shards a minute fail',
        series: { alphapo_shard_failures_total: '0+2x60' },
        ...{ notAtMinute: 5, atMinute: 20 },
      },
    ],
    isQuiet: [{ when: 'one a minute does', series: { alphapo_shard_failures_total: '0+1x60' } }],
  },
  AlphapoDeadLetters: {
    fires: [
      {
        when: 'six records of a hundred are bad',
        series: { [BATCHED]: '0+94x60', [DEAD]: '0+6x60' },
        ...{ notAtMinute: 0, atMinute: 5 },
      },
    ],
    isQuiet: [
      { when: 'four of a hundred are', series: { [BATCHED]: '0+96x60', [DEAD]: '0+4x60' } },
      { when: 'there are none', series: { [BATCHED]: '0x60', [DEAD]: '0x60' } },
    ],
  },
  AlphapoCallsTurnedAway: {
    fires: [
      {
        when: 'calls are turned away all the time',
        series: { [TURNED_AWAY]: '0+1x60' },
        labels: { grpc_method: 'Score' },
        ...{ notAtMinute: 10, atMinute: 11 },
      },
    ],
    isQuiet: [
      { when: 'some are, once', series: { [TURNED_AWAY]: '0x5 90x55' } },
      {
        when: 'calls are answered',
        series: { 'alphapo_grpc_server_handled_total{grpc_method="Score",grpc_code="OK"}': '0+9x60' },
      },
    ],
  },
  AlphapoNoLeader: {
    fires: [
      {
        when: 'two replicas lead',
        series: { 'alphapo_autoscaler_leader{pod="a"}': '1x60', 'alphapo_autoscaler_leader{pod="b"}': '1x60' },
        ...{ notAtMinute: 4, atMinute: 5 },
      },
      {
        when: 'two replicas follow',
        series: { 'alphapo_autoscaler_leader{pod="a"}': '0x60', 'alphapo_autoscaler_leader{pod="b"}': '0x60' },
        ...{ notAtMinute: 4, atMinute: 5 },
      },
      { when: 'there is no replica', series: {}, ...{ notAtMinute: 4, atMinute: 5 } },
    ],
    isQuiet: [
      {
        when: 'one leads, and another one after it',
        series: {
          'alphapo_autoscaler_leader{pod="a"}': '1x30 0x30',
          'alphapo_autoscaler_leader{pod="b"}': '0x32 1x28',
        },
      },
    ],
  },
  AlphapoAutoscalerFails: {
    fires: ['kafka', 'kubernetes', 'optimizer'].map((peer) => ({
      when: `${peer} does not answer`,
      series: { [`alphapo_autoscaler_failures_total{peer="${peer}"}`]: '0+2x60' },
      labels: { peer },
      ...{ notAtMinute: 3, atMinute: 15 },
    })),
    isQuiet: [
      {
        when: 'it does not for a moment',
        series: { 'alphapo_autoscaler_failures_total{peer="kafka"}': '0+2x4 8x60' },
      },
    ],
  },
};
