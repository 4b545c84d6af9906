import { type Logger, serveMetrics } from '@alphapo/telemetry';
import { pairs, silent, smallModel, startRun } from '../../../test/integration/services.fixture.ts';
import type { OptimizerEvents } from './events.ts';
import { optimizerMetrics } from './metrics.ts';

test('skipped steps and scorers that fail at shards are counted', async () => {
  const model = await smallModel();
  const diverging = { learningRate: 1e30, scheduler: 'constant', warmupSteps: 0, full: true } as const;
  await using run = await startRun(model, { ...diverging, steps: 3, onNonFinite: 'skip' });
  await using metrics = await serveMetrics(
    { environment: { ALPHAPO_METRICS_ADDRESS: '127.0.0.1:0' } },
    silent,
    optimizerMetrics(run.optimizer),
  );
  await run.train(pairs(12));
  const logger: Logger<OptimizerEvents> = silent;
  const failure = { scorer: 'a', retryMs: 1_000, error: new Error('gone') };
  logger.warn('scorer.failed', { ...failure, step: 1, shard: 0 });
  logger.warn('scorer.failed', failure);
  const text = await (await fetch(`http://${metrics.address}/metrics`)).text();
  expect(text).toMatch(/^alphapo_steps_skipped_total 2$/m);
  expect(text).toMatch(/^alphapo_shard_failures_total 1$/m);
  expect(text).toMatch(/^alphapo_scorers_quarantined 0$/m);
  expect(text).toMatch(/^alphapo_run_step 3$/m);
});
