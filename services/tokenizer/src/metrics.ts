import { type Logger, meter } from '@alphapo/telemetry';

/** The tokenizer's metrics: what became of the records of `preferences`. */
export function tokenizerMetrics(logger: Logger): Disposable {
  const preferences = meter.counter({
    name: 'alphapo_preferences_total',
    help: 'Records of the preferences topic, by what became of them.',
    labels: ['outcome'],
  });
  const batches = meter.counter({ name: 'alphapo_batches_total', help: 'Transactions with a batch or dead letters.' });
  return logger.subscribe((event, { pairs, deadLetters }) => {
    if (event !== 'batch.committed') return;
    preferences.add(Number(pairs), { outcome: 'batched' });
    preferences.add(Number(deadLetters), { outcome: 'dead-letter' });
    batches.add(1);
  });
}
