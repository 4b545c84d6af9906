import { AlphapoError } from '@alphapo/base';
import type { TelemetryEvents } from './events.ts';
import { createLogger, type Logger, type NoFields } from './logger.ts';

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

type CupEvents = { 'cup.filled': { readonly volumeMl: number; readonly tea?: string }; 'cup.emptied': NoFields };

test('handlers get the fields of their events, at every level, until they are disposed of', () => {
  const logger = createLogger<CupEvents>({ service: 'test', level: 'silent' });
  const seen: unknown[] = [];
  const subscription = logger.on({
    'cup.filled': ({ volumeMl }) => void seen.push(volumeMl),
    'cup.emptied': () => void seen.push('emptied'),
  });
  logger.info('cup.filled', { volumeMl: 200 });
  logger.with({ table: 3 }).debug('cup.emptied');
  logger.log('warn', 'cup.filled', { volumeMl: 300 });
  subscription[Symbol.dispose]();
  logger.info('cup.emptied');
  expect(seen).toEqual([200, 'emptied', 300]);
});

test('the compiler rejects an event that is not declared, and fields that are missing, unknown or of another type', () => {
  const logger = createLogger<CupEvents & TelemetryEvents>({ service: 'test', level: 'silent' });
  // @ts-expect-error: no such event
  logger.info('cup.fillled', { volumeMl: 200 });
  // @ts-expect-error: a required field is missing
  logger.info('cup.filled');
  // @ts-expect-error: a required field is missing
  logger.info('cup.filled', { tea: 'green' });
  // @ts-expect-error: an unknown field
  logger.info('cup.filled', { volumeMl: 200, volumeLitres: 0.2 });
  // @ts-expect-error: an event without fields
  logger.info('cup.emptied', { volumeMl: 200 });
  // @ts-expect-error: another type
  logger.log('info', 'cup.filled', { volumeMl: '200' });
  // @ts-expect-error: no such event
  logger.on({ 'cup.spilled': () => {} });
  // @ts-expect-error: no such field
  logger.on({ 'cup.filled': ({ volumeLitres }) => volumeLitres });
  const fewer: Logger<CupEvents> = logger;
  // @ts-expect-error: fewer events are not more
  const more: typeof logger = fewer;
  expect(more).toBe(logger);
});
