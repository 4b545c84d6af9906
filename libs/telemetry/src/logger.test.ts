import { AlphapoError } from '@alphapo/base';
import { createLogger } from './logger.ts';

function capture() {
  const lines: string[] = [];
  const logger = createLogger({ service: 'test', level: 'debug', stream: { write: (line) => void lines.push(line) } });
  return { logger, lines, events: () => lines.map((line) => JSON.parse(line)) };
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

/** Names of a line's fields as they stand in it: a parser of JSON would hide those that come twice. */
function fieldNames(line: string): string[] {
  const names: string[] = [];
  // Values are taken off with the names, so that text in them is not searched.
  for (const [, name] of line.matchAll(/"((?:[^"\\]|\\.)*)":(?:"(?:[^"\\]|\\.)*"|\d+|true|false|null)/g))
    names.push(name as string);
  return names;
}

test('no field of a line comes twice, whatever a logger, those made of it and an event are given', () => {
  const { logger, lines, events } = capture();
  const given = { service: 'inner', step: 1, level: 'x', time: 'y', event: 'z' };
  logger.info('plain', given);
  logger.with({ service: 'tokenizer' }).warn('bound');
  logger.with({ service: 'tokenizer', run: 'a' }).with(given).error('bound.twice', { run: 'b', step: 2 });
  for (const line of lines) {
    const names = fieldNames(line);
    expect(names.length).toBeGreaterThan(3);
    expect(new Set(names).size).toBe(names.length);
  }
  expect(events()).toMatchObject([
    { level: 'info', service: 'inner', event: 'plain', level_: 'x', time_: 'y', event_: 'z' },
    { level: 'warn', service: 'tokenizer', event: 'bound' },
    { level: 'error', service: 'inner', event: 'bound.twice', run: 'b', step: 2 },
  ]);
});
