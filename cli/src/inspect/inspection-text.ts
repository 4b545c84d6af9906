import { styleText } from 'node:util';
import { printable } from '@alphapo/base';
import { table } from '../lineage/table.ts';
import type { DataPair } from '../training/dataset.ts';
import type { DecodedPair } from '../training/decoded-pair.ts';
import { histogram, spreadOf } from './spread.ts';

/** What `alphapo inspect` shows beside the summary that `train` prints too. */

const PARTS = ['prompt', 'chosen', 'rejected'] as const;
const COLORS = { prompt: 'cyan', chosen: 'green', rejected: 'red' } as const;
/** Characters of a histogram, and of a part of a pair. */
const HISTOGRAM_WIDTH = 24;
const SHOWN_CHARACTERS = 1200;

/** A table of lengths in tokens, with the pairs of which the limits cut off some. */
export function describeLengths(
  pairs: readonly DataPair[],
  { maxLength, maxPromptLength }: { readonly maxLength: number; readonly maxPromptLength: number },
): string[] {
  const rows = PARTS.map((part) => {
    const counts = pairs.map((pair) => pair[part].length);
    const { min, median, p95, max } = spreadOf(counts) ?? { min: 0, median: 0, p95: 0, max: 0 };
    const cut = pairs.filter(({ truncated }) => truncated[part] > 0).length;
    return [part, min, median, p95, max, cut, histogram(counts, HISTOGRAM_WIDTH)];
  });
  return [
    ...table(['tokens', 'least', 'median', '95 %', 'most', 'cut', 'from 0 to the most'], rows),
    `cut: pairs that lose tokens to max-prompt-length ${maxPromptLength} and max-length ${maxLength}`,
  ];
}

/** A pair in three colors, whole unless it is long; on a stream without colors the names tell the parts apart. */
export function describePairInColors(origin: string, pair: DecodedPair, stream: NodeJS.WriteStream): string[] {
  const lines = PARTS.flatMap((part) => {
    const text = printable(pair[part], SHOWN_CHARACTERS);
    const colored = text.split('\n').map((line) => `    ${styleText(COLORS[part], line, { stream })}`);
    return [`  ${part}`, ...colored];
  });
  return [origin, ...lines];
}
