import type { EvaluatedAnswers, EvaluatedPairs, TrainingStep } from '@alphapo/contracts';
import { warningsOf } from '@alphapo/evaluation';
import { type Measuring, meter, SECONDS_BUCKETS } from '@alphapo/telemetry';
import type { OptimizerEvents } from './events.ts';
import type { RunningOptimizer } from './start.ts';
import { SHARD_PHASES, STEP_PHASES } from './step-times.ts';

/** Facts of the last step, each as a gauge. All are means over the pairs of its batch, taken before the update. */
const STEP_GAUGES = {
  loss: ['alphapo_step_loss', 'Mean loss of the last batch.'],
  accuracy: ['alphapo_step_accuracy_ratio', 'Fraction of pairs whose chosen response has the higher reward.'],
  margin: ['alphapo_step_margin', 'Reward of the chosen response minus that of the rejected one.'],
  rewardChosen: ['alphapo_step_reward_chosen', 'Reward of the chosen response.'],
  rewardRejected: ['alphapo_step_reward_rejected', 'Reward of the rejected response.'],
  meanLogProbChosen: ['alphapo_step_log_prob_chosen_nats', 'Log-probability per token of the chosen response.'],
  meanLogProbRejected: ['alphapo_step_log_prob_rejected_nats', 'Log-probability per token of the rejected response.'],
  gradNorm: ['alphapo_step_gradient_norm', 'Global L2 norm of the gradient before clipping.'],
  learningRate: ['alphapo_step_learning_rate', 'Learning rate of the last step.'],
} as const satisfies Partial<Record<keyof TrainingStep, readonly [name: string, help: string]>>;

/** The last evaluation, each number as a gauge. */
const PAIR_GAUGES = {
  accuracy: [
    'alphapo_evaluation_accuracy_ratio',
    'Fraction of held-out pairs whose chosen response has the higher reward.',
  ],
  margin: ['alphapo_evaluation_margin', 'Mean margin of held-out pairs.'],
  logProbChosen: ['alphapo_evaluation_log_prob_chosen_nats', 'Log-probability per token of held-out chosen responses.'],
} as const satisfies Partial<Record<keyof EvaluatedPairs, readonly [name: string, help: string]>>;
const ANSWER_GAUGES = {
  right: ['alphapo_evaluation_right_ratio', 'Fraction of answers that are right, of prompts with a right answer.'],
  ended: ['alphapo_evaluation_ended_ratio', 'Fraction of answers that the policy ended.'],
  repetition: ['alphapo_evaluation_repetition_ratio', 'Repeated sequences of 4 tokens in answers.'],
  tokens: ['alphapo_evaluation_answer_tokens', 'Mean length of an answer.'],
  divergence: ['alphapo_evaluation_divergence_nats', 'Divergence from the base model, per token.'],
} as const satisfies Partial<Record<keyof EvaluatedAnswers, readonly [name: string, help: string]>>;

/** The optimizer's metrics: where the run is, what its last step was like, and where the time goes. */
export function optimizerMetrics({ trainer, steps, evaluations }: RunningOptimizer): Measuring<OptimizerEvents> {
  return (logger) => {
    const stepSeconds = meter.histogram({
      name: 'alphapo_step_duration_seconds',
      help: 'Time from a batch to its published step.',
      buckets: SECONDS_BUCKETS,
    });
    const phaseSeconds = meter.counter({
      name: 'alphapo_step_phase_seconds_total',
      help: 'Time of steps by phase; policy, compute and transfer are sums over shards.',
      labels: ['phase'],
    });
    const checkpoints = meter.counter({ name: 'alphapo_checkpoints_total', help: 'Checkpoints written.' });
    const failedShards = meter.counter({
      name: 'alphapo_shard_failures_total',
      help: 'Shards that a scorer failed to compute; each was reassigned.',
    });
    const hedgedShards = meter.counter({
      name: 'alphapo_shard_hedges_total',
      help: 'Shards that were reassigned because a scorer took too long.',
    });
    const skippedSteps = meter.counter({
      name: 'alphapo_steps_skipped_total',
      help: 'Steps that were skipped, because the loss or gradient was not finite.',
    });
    meter.observed(
      { name: 'alphapo_scorers_quarantined', help: 'Scorers that are quarantined; the status has the reason.' },
      () => trainer.status.scorers.filter(({ phase }) => phase === 'quarantined').length,
    );
    meter.observed({ name: 'alphapo_run_step', help: 'Steps taken in the run.' }, () => trainer.policy.step);
    meter.observed(
      { name: 'alphapo_run_steps_planned', help: 'Steps of the whole run.' },
      () => trainer.run.specification.schedule.totalSteps,
    );
    meter.observed(
      { name: 'alphapo_checkpoint_step', help: 'Step of the newest checkpoint.' },
      () => trainer.status.checkpointStep,
    );
    meter.observed(
      { name: 'alphapo_pending_shards', help: 'Shards that are waiting for a scorer or running.' },
      () => trainer.status.pendingShards,
    );
    for (const [fact, [name, help]] of Object.entries(STEP_GAUGES)) {
      meter.observed({ name, help }, () => steps.steps.at(-1)?.[fact as keyof typeof STEP_GAUGES]);
    }
    if (evaluations !== undefined) {
      meter.observed(
        { name: 'alphapo_run_warnings', help: 'Kinds of signs that the run harms its model; the log has each.' },
        () => warningsOf(evaluations.steps).length,
      );
    }
    const last = () => evaluations?.steps.at(-1);
    for (const [fact, [name, help]] of Object.entries(PAIR_GAUGES)) {
      meter.observed({ name, help }, () => last()?.evaluation?.[fact as keyof typeof PAIR_GAUGES]);
    }
    for (const [fact, [name, help]] of Object.entries(ANSWER_GAUGES)) {
      meter.observed({ name, help }, () => last()?.answers?.[fact as keyof typeof ANSWER_GAUGES]);
    }
    // Without a shard, the scorer failed when it was asked what it is.
    const countLostShard = ({ shard }: OptimizerEvents['scorer.failed']) => {
      if (shard !== undefined) failedShards.add(1);
    };
    return logger.on({
      'checkpoint.written': () => checkpoints.add(1),
      'shard.hedged': () => hedgedShards.add(1),
      'step.skipped': () => skippedSteps.add(1),
      'scorer.failed': countLostShard,
      'scorer.quarantined': countLostShard,
      'step.taken': (step) => {
        stepSeconds.observe(step.durationMs / 1000);
        for (const phase of [...STEP_PHASES, ...SHARD_PHASES]) {
          phaseSeconds.add(seconds(step[`${phase}Ms` as const]), { phase });
        }
      },
    });
  };
}

/** Parts of a call are measured by two processes; what is left of it may be below zero, which a counter cannot add. */
const seconds = (ms: number) => Math.max(0, ms) / 1000;
