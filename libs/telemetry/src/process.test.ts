import { once } from 'node:events';
import { AlphapoError } from '@alphapo/base';
import { createLogger } from './logger.ts';
import { runUntilSignal } from './process.ts';

test('a service that is stopped while it starts has stopped, and not failed', async () => {
  const events: string[] = [];
  const logger = createLogger({
    service: 'test',
    stream: { write: (line) => void events.push(JSON.parse(line).event) },
  });
  const running = runUntilSignal(logger, async (signal) => {
    await once(signal, 'abort');
    throw new AlphapoError('cancelled', 'STOPPED', 'stopped during its start');
  });
  process.emit('SIGTERM');
  await running;
  expect(events).toEqual(['process.stopping', 'process.stopped']);
  expect(process.exitCode).toBeUndefined();
});
