import type { RunSize } from './run.ts';
import type { StartTimes } from './start.ts';
import type { TokenizerSize } from './tokenizer.ts';

export const PARTS = ['tokenizers', 'runs', 'autoscaler', 'starts'] as const;
export type Part = (typeof PARTS)[number];

/** What was measured, and the load of the machine in the minute before. */
interface Measured<T> {
  readonly load: number;
  readonly measured: T;
}

/** All that was measured, each part by itself. */
export interface SizingResults {
  /** Of scorers. */
  readonly threads: number;
  readonly tokenizers: Measured<readonly TokenizerSize[]>;
  readonly runs: Measured<readonly RunSize[]>;
  /** In MB. */
  readonly autoscaler: Measured<number>;
  readonly starts: Measured<readonly StartTimes[]>;
}

const mb = (value: number) => value.toFixed(0);
const millions = (value: number) => `${(value / 1e6).toFixed(1)}M`;

/** The results as Markdown. */
export function sizingReport(results: SizingResults): string {
  const { threads, autoscaler } = results;
  const [tokenizers, runs, starts] = [results.tokenizers.measured, results.runs.measured, results.starts.measured];
  const loads = PARTS.map((part) => `${part} ${results[part].load.toFixed(1)}`).join(', ');
  return [
    '# What the services take',
    '',
    `Made by \`npm run bench:sizing\`; scorers on ${threads} threads. Load of the machine before each part: ${loads}; memory and`,
    'processor time hardly depend on it. Memory is resident memory of a service with its own processes, in MB of 10⁶ bytes; Node.js heaps are',
    'limited to 256 MB each.',
    '',
    '## Tokenizer',
    '',
    ...(tokenizers.length === 0
      ? ['Not measured: the shared data is not there.']
      : [
          'HH pairs of 1.2 kB, chat template `chatml`; by processes that tokenize (`--processes`).',
          '',
          '| tokenizer | processes | pairs/s | pairs/s and core | at rest | peak |',
          '|---|---|---|---|---|---|',
          ...tokenizers.map(tokenizerRow),
        ]),
    '',
    '## Scorer and optimizer',
    '',
    'Random Llamas in float32, three steps of eight pairs of 390 tokens, one scorer. "Planned" is what `alphapo plan` says of scorer and',
    'optimizer together, for pairs of the longest length, 1024 tokens a sequence.',
    '',
    '| trained | of a model of | shards | planned | scorer at rest | peak | optimizer at rest | peak | checkpoint, bytes a trained parameter |',
    '|---|---|---|---|---|---|---|---|---|',
    ...runs.map(runRow),
    '',
    ...growth(runs),
    '',
    '## Autoscaler',
    '',
    `${mb(autoscaler.measured)} MB, without calls that wait.`,
    '',
    '## Start of a scorer',
    '',
    'From the start of the process; the model lies in the page cache.',
    '',
    '| parameters | files, MB | until it serves, s | of the processor | until a first score, s | of the processor |',
    '|---|---|---|---|---|---|',
    ...starts.map(startRow),
    '',
  ].join('\n');
}

function tokenizerRow(size: TokenizerSize): string {
  const { tokenizer, processes, pairsPerSecond, pairsPerCoreSecond, restMb, peakMb } = size;
  return `| ${tokenizer} | ${processes} | ${mb(pairsPerSecond)} | ${mb(pairsPerCoreSecond)} | ${mb(restMb)} | ${mb(peakMb)} |`;
}

function runRow(size: RunSize): string {
  const { method, shards, modelParameters, trainedParameters, plannedMb, memory, checkpointBytes } = size;
  const { scorer, optimizer } = memory;
  const trained = `${method === 'lora' ? 'LoRA' : 'all'}, ${millions(trainedParameters)}`;
  const columns = [plannedMb, scorer.restMb, scorer.peakMb, optimizer.restMb, optimizer.peakMb].map(mb);
  const checkpoint = (checkpointBytes / trainedParameters).toFixed(2);
  return `| ${[trained, millions(modelParameters), shards, ...columns, checkpoint].join(' | ')} |`;
}

/** What each further parameter takes of the optimizer's memory, and each further shard. */
function growth(runs: readonly RunSize[]): string[] {
  const full = runs.filter(({ method }) => method === 'full');
  const perParameter = (a: RunSize, b: RunSize, when: 'restMb' | 'peakMb') =>
    (1e6 * (b.memory.optimizer[when] - a.memory.optimizer[when])) / (b.trainedParameters - a.trainedParameters);
  const lines = full.flatMap((a) => {
    const b = full.find(({ shards, trainedParameters }) => {
      return shards === a.shards && trainedParameters > a.trainedParameters;
    });
    if (b === undefined) return [];
    const [rest, peak] = [perParameter(a, b, 'restMb'), perParameter(a, b, 'peakMb')].map((x) => x.toFixed(1));
    return [`- ${a.shards} ${a.shards === 1 ? 'shard' : 'shards'}: ${rest} bytes at rest, ${peak} at the peak.`];
  });
  return [
    'The optimizer grows with each trained parameter, from the smaller model to the larger one, by',
    '',
    ...lines,
  ];
}

function startRow({ parameters, modelBytes, ready, scored }: StartTimes): string {
  const seconds = [ready.seconds, ready.processorSeconds, scored.seconds, scored.processorSeconds];
  return `| ${[millions(parameters), mb(modelBytes / 1e6), ...seconds.map((s) => s.toFixed(1))].join(' | ')} |`;
}
