import { once } from 'node:events';
import { AlphapoError } from '@alphapo/base';
import { createLogger } from './logger.ts';
import { runUntilSignal } from './process.ts';

/** Of the test's process, which other tests' commands may have set. */
const exitCode = process.exitCode;
beforeEach(() => {
  process.exitCode = undefined;
});
afterEach(() => {
  process.exitCode = exitCode;
});

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

test('a service that fails exits with 1 and says why', async () => {
  const failures: unknown[] = [];
  const logger = createLogger({
    service: 'test',
    stream: { write: (line) => void failures.push(JSON.parse(line).event) },
  });
  await runUntilSignal(logger, async () => {
    throw new AlphapoError('unavailable', 'NO_BROKER', 'no broker answers');
  });
  expect(failures).toEqual(['process.failed']);
  expect(process.exitCode).toBe(1);
});
