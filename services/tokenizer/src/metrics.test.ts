import { createLogger, serveMetrics } from '@alphapo/telemetry';
import type { TokenizerEvents } from './events.ts';
import { tokenizerMetrics } from './metrics.ts';

test('records are counted by what became of them', async () => {
  const logger = createLogger<TokenizerEvents>({ service: 'test', level: 'silent' });
  await using metrics = await serveMetrics(
    { environment: { ALPHAPO_METRICS_ADDRESS: '127.0.0.1:0' } },
    logger,
    tokenizerMetrics,
  );
  logger.info('batch.committed', { partition: 0, pairs: 4, deadLetters: 1, nextOffset: 5n, endOfData: false });
  logger.info('batch.committed', { partition: 1, pairs: 3, deadLetters: 0, nextOffset: 3n, endOfData: true });
  const text = await (await fetch(`http://${metrics.address}/metrics`)).text();
  expect(text).toMatch(/^alphapo_preferences_total\{outcome="batched"\} 7$/m);
  expect(text).toMatch(/^alphapo_preferences_total\{outcome="dead-letter"\} 1$/m);
  expect(text).toMatch(/^alphapo_batches_total 2$/m);
});
