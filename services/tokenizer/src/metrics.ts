import { type Logger, meter } from '@alphapo/telemetry';
import type { TokenizerEvents } from './events.ts';

/** What becomes of a record. */
const OUTCOMES = ['batched', 'dead-letter'] as const;

/** The tokenizer's metrics: what became of the records of `preferences`. */
export function tokenizerMetrics(logger: Logger<TokenizerEvents>): Disposable {
  const preferences = meter.counter({
    name: 'alphapo_preferences_total',
    help: 'Records of the preferences topic, by outcome.',
    labels: ['outcome'],
  });
  const batches = meter.counter({ name: 'alphapo_batches_total', help: 'Transactions with a batch or dead letters.' });
  // From the start on: what is there from its first record only has no increase that an alert could see.
  for (const outcome of OUTCOMES) preferences.add(0, { outcome });
  return logger.on({
    'batch.committed': ({ pairs, deadLetters }) => {
      preferences.add(pairs, { outcome: 'batched' });
      preferences.add(deadLetters, { outcome: 'dead-letter' });
      batches.add(1);
    },
  });
}
