import { logLevel } from 'kafkajs';
import { ClientLog } from './client-log.ts';

function capture() {
  const levels: string[] = [];
  const clock = { ms: 0 };
  const log = new ClientLog(
    (level, ..._event) => void levels.push(level),
    () => clock.ms,
  );
  const write = (message: string, error?: string, level = logLevel.ERROR) => {
    const own = { timestamp: '', logger: 'kafkajs', message, ...(error !== undefined && { error }) };
    log.write({ namespace: 'Connection', level, label: '', log: own });
    return levels.at(-1);
  };
  return { levels, clock, write };
}

const LOADING = "The coordinator is loading and hence can't process requests for this group";

test.each([
  ['Response Metadata(key: 3, version: 6)', 'This server does not host this topic-partition'],
  ['Response InitProducerId(key: 22, version: 1)', LOADING],
  ['Response GroupCoordinator(key: 10, version: 2)', 'The group coordinator is not available'],
  ['Response TxnOffsetCommit(key: 28, version: 1)', 'This is not the correct coordinator for this group'],
  ['Response Heartbeat(key: 12, version: 3)', 'The group is rebalancing, so a rejoin is needed'],
  ['The group is rebalancing, re-joining', undefined],
  ['Response CreateTopics(key: 19, version: 3)', 'Topic creation errors'],
  ['Limiting retries for the idempotent producer may invalidate EoS guarantees', undefined],
])('a healthy start is not a warning: %s %s', (message, error) => {
  expect(capture().write(message, error)).toBe('debug');
});

test.each([
  ['Connection error: connect ECONNREFUSED 127.0.0.1:9092', undefined],
  ['Failed to connect to broker, reconnecting', undefined],
  ['Response SaslAuthenticate(key: 36, version: 1)', 'SASL Authentication failed'],
  ['Response Produce(key: 0, version: 7)', 'Topic authorization failed'],
])('trouble is a warning at once: %s', (message, error) => {
  expect(capture().write(message, error)).toBe('warn');
});

test('what should pass by itself and does not is a warning after half a minute, and then once a minute', () => {
  const { clock, levels, write } = capture();
  for (; clock.ms < 150_000; clock.ms += 5_000) write('Response InitProducerId', LOADING);
  const warned = levels.flatMap((level, i) => (level === 'warn' ? [i * 5] : []));
  expect(warned).toEqual([30, 90]);
});

test('what passes and comes back later is no warning', () => {
  const { clock, levels, write } = capture();
  for (; clock.ms < 600_000; clock.ms += 20_000) write('Response InitProducerId', LOADING);
  expect(new Set(levels)).toEqual(new Set(['debug']));
});
