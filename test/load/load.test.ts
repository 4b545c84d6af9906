import { smallModel } from '../integration/services.fixture.ts';
import { describeKafka } from '../kafka/broker.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { loadReport } from './report.ts';
import { tryScoring } from './scoring.ts';
import { tryStream } from './stream.ts';

/** `npm run trial:load` in small. Times are left to that one: here other tests share the machine. */

const CLIENTS = 40;
const RECORDS = 2_000;

describeKafka('services under load', () => {
  test('many clients get right answers, many records are each accounted for, and health checks are answered', async () => {
    const model = await smallModel();
    const scoring = await tryScoring(model, { clients: CLIENTS, warmUp: 2, seconds: 4 });
    expect(scoring.result).toMatchObject({ failures: [], wrong: 0 });
    expect(scoring.result.latenciesMs.length).toBeGreaterThan(CLIENTS);

    const stream = await tryStream(await temporaryFolder(), model, { records: RECORDS, seconds: 120 });
    expect(stream.result).toMatchObject({ finished: true, trainedPairs: stream.result.account.pairs });
    expect(stream.result.account).toMatchObject({ records: RECORDS, pairs: 1_980, deadLetters: 20, problems: [] });
    for (const { health } of [scoring, stream]) {
      for (const { latenciesMs, failures } of Object.values(health)) {
        expect(failures).toEqual([]);
        expect(latenciesMs.length).toBeGreaterThan(5);
      }
    }
    expect(loadReport(scoring, stream, { broken: [], loadBefore: 0 })).toContain('Every promise was kept');
  });
});
