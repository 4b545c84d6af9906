import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
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

test.each([
  ['a file', async () => join(await temporaryFolder(), 'message'), ['process.failed']],
  ['a folder that is not there', async () => '/nowhere/message', ['process.failed', 'termination-message.not-written']],
])('why a service failed is left as one line in %s', async (_, place, expected) => {
  const events: string[] = [];
  const stream = { write: (line: string) => void events.push(JSON.parse(line).event) };
  const file = await place();
  process.env.ALPHAPO_TERMINATION_MESSAGE = file;
  try {
    await runUntilSignal(createLogger({ service: 'test', stream }), async () => {
      throw new Error('the model is damaged: model.safetensors\nmore about it', { cause: new Error('offset 12') });
    });
  } finally {
    delete process.env.ALPHAPO_TERMINATION_MESSAGE;
  }
  expect(events).toEqual(expected);
  if (expected.length === 1) expect(await readFile(file, 'utf8')).toBe('the model is damaged: model.safetensors');
});
