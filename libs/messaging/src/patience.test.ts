import { AlphapoError } from '@alphapo/base';
import { openEmbeddedEventLog } from './embedded/embedded-event-log.ts';
import type { EventLog } from './event-log.ts';
import { patiently, type Waiting } from './patience.ts';
import { patientLog } from './patient-log.ts';

const AWAY = new AlphapoError('unavailable', 'KAFKA_UNREACHABLE', 'no broker: check KAFKA_BROKERS');
const REFUSED = new AlphapoError('failed-precondition', 'KAFKA_REFUSED', 'wrong password');

/** Work that fails as told, and answers after that. */
function work(...failures: AlphapoError[]) {
  let attempts = 0;
  const ask = async () => {
    const failure = failures[attempts++];
    if (failure !== undefined) throw failure;
    return 'answer';
  };
  return { ask, attempts: () => attempts };
}

function patience(signal = new AbortController().signal) {
  const heard: Waiting[] = [];
  return { signal, heard, onWaiting: (waiting: Waiting) => void heard.push(waiting) };
}

test('work is repeated while the log is away, and that is said once, with the whole message', async () => {
  const { ask, attempts } = work(AWAY, AWAY);
  const given = patience();
  expect(await patiently('opening', ask, given)).toBe('answer');
  expect(attempts()).toBe(3);
  expect(given.heard).toEqual([{ doing: 'opening', error: AWAY.message, waitedMs: expect.any(Number) }]);
});

test('what waiting does not cure ends it', async () => {
  const { ask, attempts } = work(AWAY, REFUSED);
  await expect(patiently('opening', ask, patience())).rejects.toBe(REFUSED);
  expect(attempts()).toBe(2);
});

test('a signal ends the waiting, and not what can be done', async () => {
  const stopped = patience(AbortSignal.abort());
  expect(await patiently('opening', work().ask, stopped)).toBe('answer');
  await expect(patiently('opening', work(AWAY).ask, stopped)).rejects.toMatchObject({
    code: 'cancelled',
    reason: 'STOPPED',
  });
});

test('a patient log repeats questions, and leaves what writes to its caller', async () => {
  await using log = openEmbeddedEventLog({ path: ':memory:' });
  let failures = 0;
  const fail = () => {
    failures++;
    throw AWAY;
  };
  const away: EventLog = {
    ...log,
    partitions: async (topic) => (failures < 2 ? fail() : log.partitions(topic)),
    append: async () => fail(),
  };
  const given = patience();
  const patient = patientLog(away, given);
  await patient.ensureTopics([{ name: 'topic', partitions: 2 }]);
  expect(await patient.partitions('topic')).toBe(2);
  expect(given.heard).toHaveLength(1);
  await expect(patient.append([{ topic: 'topic', partition: 0, value: '' }])).rejects.toBe(AWAY);
  expect(failures).toBe(3);
});
