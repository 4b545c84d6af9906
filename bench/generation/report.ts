import { cpus } from 'node:os';
import { COMPARED_TOKENS, type Numbers, type Row, ratio } from './comparison.ts';

/** How many times as fast AlphaPO is to be as a contestant that computes in the same type. */
const AIMS = { transformers: 2, 'llama.cpp': 0.8 } as const;

const MEASURES = [
  ['prefill', 'prompts'],
  ['decode', 'continuations'],
  ['inAll', 'in all'],
] as const satisfies readonly [keyof Numbers, string][];

export interface Setup {
  /** Name of the model's folder. */
  readonly model: string;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly threads: number;
  readonly rounds: number;
  /** Bytes that AlphaPO's own plan of memory foresees, by number of sequences. */
  readonly planned: ReadonlyMap<number, number>;
  /** What was left out, and why. */
  readonly leftOut: readonly string[];
}

/** The results as Markdown. */
export function generationReport(rows: readonly Row[], setup: Setup): string {
  const { model, promptTokens, tokens, threads, rounds, planned, leftOut } = setup;
  const plans = [...planned].map(([sequences, bytes]) => `${megabytes(bytes)} MB for ${sequences}`);
  return [
    '# Generation',
    '',
    `${model}, greedy, prompts of ${promptTokens} tokens continued by ${tokens}; ${threads} threads of ${cpus()[0]?.model.trim()}; medians of`,
    `${rounds} rounds, in which the contestants took turns; made by \`npm run bench:generation\`. llama.cpp runs through node-llama-cpp.`,
    '',
    '"×" is how many times as fast AlphaPO is, in float32: on a CPU it computes in float32 whatever the weights are stored in.',
    '',
    '| sequences | | computes in | prompts, tokens/s | × | continuations, tokens/s | × | in all, s | × | peak memory, MB |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => speedRow(row, oursBeside(row, rows))),
    '',
    `AlphaPO's own plan of its memory: ${plans.join(', ')}.`,
    ...leftOut.map((line) => `${line}`),
    '',
    '## Aims',
    '',
    'Compared in the same type.',
    '',
    `| sequences | compared with | at least | ${MEASURES.map(([, title]) => title).join(' | ')} |`,
    '|---|---|---|---|---|---|',
    ...rows.flatMap((row) => aimRow(row, oursBeside(row, rows))),
    '',
    '## Same work',
    '',
    `Tokens that are AlphaPO's too: of the first ${COMPARED_TOKENS} of each sequence, and of all. Two contestants in float32 that differ in more than a tenth of`,
    'the first are not compared. In narrower types tokens may differ, as sums are rounded; their number is the same.',
    'Spread: of the speed of continuations, the largest minus the smallest, as a share of the median. Other work: what other',
    "processes took of the CPUs' time, in the worst round.",
    '',
    '| sequences | | computes in | same of the first | same of all | spread | other work |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(workRow),
    '',
  ].join('\n');
}

/** A row in one line, for those who wait. */
export function describeRow(row: Row): string {
  const { contestant, sequences, prefill, decode, peakMemoryMb } = row;
  return `${sequences} sequences: ${contestant.name}, ${contestant.dtype}: prompts ${prefill.toFixed(0)} tokens/s, continuations ${decode.toFixed(1)} tokens/s, ${peakMemoryMb.toFixed(0)} MB, ${percent(row.sameOfAll)} of tokens agree, other work ${percent(row.otherWork)}`;
}

function oursBeside(row: Row, rows: readonly Row[]): Row {
  return rows.find(({ contestant, sequences }) => contestant.name === 'AlphaPO' && sequences === row.sequences) as Row;
}

function speedRow(row: Row, ours: Row): string {
  const { contestant, sequences, prefill, decode, seconds, peakMemoryMb } = row;
  const times = (of: keyof Numbers) => ratio(ours, row, of)?.toFixed(2) ?? 'other tokens';
  return cells(
    ...[sequences, contestant.name, contestant.dtype],
    ...[prefill.toFixed(0), times('prefill'), decode.toFixed(1), times('decode'), seconds.toFixed(2), times('inAll')],
    peakMemoryMb.toFixed(0),
  );
}

function aimRow(row: Row, ours: Row): string[] {
  const { name, dtype } = row.contestant;
  if (name === 'AlphaPO' || dtype !== ours.contestant.dtype) return [];
  const results = MEASURES.map(([of]) => {
    const found = ratio(ours, row, of);
    if (found === undefined) return 'other tokens';
    return `${found.toFixed(2)}, ${found >= AIMS[name] ? 'met' : 'missed'}`;
  });
  return [cells(row.sequences, `${name}, ${dtype}`, AIMS[name], ...results)];
}

function workRow({ contestant, sequences, sameFirst, sameOfAll, spread, otherWork }: Row): string {
  const shares = [sameFirst, sameOfAll, spread, otherWork].map(percent);
  return cells(sequences, contestant.name, contestant.dtype, ...shares);
}

const cells = (...values: readonly (string | number)[]) => `| ${values.join(' | ')} |`;
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
