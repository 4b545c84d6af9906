import { AlphapoError } from '@alphapo/base';
import { createLogger } from './logger.ts';

function capture() {
  const lines: string[] = [];
  const logger = createLogger({ service: 'test', level: 'debug', stream: { write: (line) => void lines.push(line) } });
  return { logger, events: () => lines.map((line) => JSON.parse(line)) };
}

test('an event is one line of JSON with its name and fields', () => {
  const { logger, events } = capture();
  logger.with({ run: 'a' }).info('step.taken', { step: 3, offset: 2n ** 60n });
  expect(events()).toMatchObject([
    { level: 'info', service: 'test', event: 'step.taken', run: 'a', step: 3, offset: '1152921504606846976' },
  ]);
});

test('errors are logged with code, reason and cause', () => {
  const { logger, events } = capture();
  const cause = new Error('no route');
  logger.error('call.failed', { error: new AlphapoError('unavailable', 'NO_PEER', 'gone', { cause }) });
  expect(events()[0].error).toMatchObject({ code: 'unavailable', reason: 'NO_PEER', cause: { message: 'no route' } });
});
