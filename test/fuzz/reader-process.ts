import { AlphapoError, messageOf, peakMemory } from '@alphapo/base';
import type { Attempt, Outcome } from './reader-sandbox.ts';
import { BrokenPromise, readers } from './readers.ts';

/** The process that reads: whatever happens to it, whoever forked it goes on. */

async function outcomeOf({ reader, folder }: Attempt): Promise<Outcome> {
  try {
    return { kind: 'accepted', detail: await readers[reader](folder) };
  } catch (error) {
    if (error instanceof AlphapoError) {
      const { code, reason, message, metadata } = error;
      return { kind: 'refused', code, reason, message, metadataLength: JSON.stringify(metadata).length };
    }
    if (error instanceof BrokenPromise) return { kind: 'broken', message: error.message };
    return { kind: 'leaked', message: error instanceof Error ? (error.stack ?? error.message) : messageOf(error) };
  }
}

process.on('message', async (attempt: Attempt) => {
  const start = performance.now();
  const outcome = await outcomeOf(attempt);
  const milliseconds = performance.now() - start;
  process.send?.({ outcome, milliseconds, peakBytes: peakMemory() });
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
