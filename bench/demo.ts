import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type DemoAnswers, demoAnswers } from '../test/interop/demo-answers.ts';

const HELP = `What the demo's model answers before and after AlphaPO, by transformers and PEFT.

  npm run bench:demo -- [--seeds 1,2,3,4,5,6,7,8,9,42] [--questions 100] [--folder out/bench-demo]

Runs the demo once per seed, unless the folder holds a finished run of the seed. Needs the Python of test/interop. Results are written to
bench/results/demo.md.`;

const RESULT = join(import.meta.dirname, 'results', 'demo.md');

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3,4,5,6,7,8,9,42' },
    questions: { type: 'string', default: '100' },
    folder: { type: 'string', default: 'out/bench-demo' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else await measure(values.seeds.split(',').map(Number), Number(values.questions), values.folder);

async function measure(seeds: readonly number[], questions: number, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const rows: string[] = [];
  for (const seed of seeds) rows.push(rowOf(seed, await demoAnswers(join(folder, `seed-${seed}`), seed, questions)));
  const lines = [
    '# What the demo teaches',
    '',
    `Held-out questions of ${questions} that transformers answers right by greedy generation, before AlphaPO and with its adapter loaded by PEFT, and the`,
    'change of the mean log-probability per token of held-out answers; made by `npm run bench:demo`.',
    '',
    '| seed | right before | right after | chosen, nats | rejected, nats |',
    '|---|---|---|---|---|',
    ...rows,
  ];
  await writeFile(RESULT, `${lines.join('\n')}\n`);
  console.log(lines.join('\n'));
}

function rowOf(seed: number, { before, after, displacement }: DemoAnswers): string {
  const { chosen, rejected } = displacement;
  return `| ${[seed, before, after, signed(chosen), signed(rejected)].join(' | ')} |`;
}

function signed(nats: number): string {
  return `${nats < 0 ? '' : '+'}${nats.toFixed(3)}`;
}
