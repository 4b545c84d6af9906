import { campaignSandbox, runCampaign } from './campaign.ts';
import { type ReaderName, readers } from './readers.ts';
import { describeFailure } from './report.ts';

/** A taste of `npm run fuzz`, always the same: it fails where a reader changed, not by chance. */
const SEED = 1;
const ITERATIONS = 120;
const MOST_MS = 20_000;

const sandbox = campaignSandbox();
afterAll(() => sandbox[Symbol.asyncDispose]());

test.each(Object.keys(readers) as ReaderName[])(
  '%s: mutated files are read, or refused with their place',
  async (reader) => {
    const report = await runCampaign(reader, sandbox, { seed: SEED, iterations: ITERATIONS, milliseconds: MOST_MS });
    expect(report.failure && describeFailure(reader, SEED, report.failure)).toBeUndefined();
    // Mutations that no reader accepts would not get far into it. A batch takes a run of its own, so there are few of them.
    expect(report.outcomes.size).toBeGreaterThan(reader === 'batches' ? 1 : 3);
  },
);
