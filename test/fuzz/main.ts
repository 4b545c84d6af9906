import { parseArgs } from 'node:util';
import { type CampaignReport, campaignSandbox, runCampaign } from './campaign.ts';
import { type ReaderName, readers } from './readers.ts';
import { describeFailure } from './report.ts';

const HELP = `Feeds mutated files to the readers of AlphaPO: each must return or refuse with a clear error, in bounded time and memory.

  npm run fuzz -- [--seconds N] [--seed N] [--target NAME]... [--path PATH]

--seconds  for each target (default 60)
--seed     of the mutations (default: drawn); the same seed gives the same files
--target   ${Object.keys(readers).join(', ')} (default: all)
--path     goes to one failure of a seed directly, as printed with it`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string', multiple: true, default: Object.keys(readers) },
    path: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const unknown = values.target.find((name) => !Object.hasOwn(readers, name));
if (values.help || unknown !== undefined) {
  console.log(unknown === undefined ? HELP : `There is no target ${unknown}.\n\n${HELP}`);
  process.exit(unknown === undefined ? 0 : 1);
}

const MOST_OUTCOMES = 30;
const seed = Number(values.seed);
console.log(`seed ${seed}`);
for (const target of values.target as ReaderName[]) {
  const milliseconds = Number(values.seconds) * 1000;
  const options = { seed, iterations: Number.MAX_SAFE_INTEGER, milliseconds, path: values.path };
  await using sandbox = campaignSandbox();
  tell(target, await runCampaign(target, sandbox, options));
}

function tell(target: string, { iterations, outcomes, slowestMs, peakMegabytes, failure }: CampaignReport): void {
  const often = [...outcomes]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_OUTCOMES)
    .map(([name, count]) => `${name} ${count}`);
  console.log(
    `${target}: ${iterations} folders, slowest ${slowestMs.toFixed(0)} ms, memory at most ${peakMegabytes.toFixed(0)} MB\n` +
      `  ${often.join(', ')}`,
  );
  if (failure === undefined) return;
  process.exitCode = 1;
  console.log(describeFailure(target, seed, failure));
}
