import { printable } from '@alphapo/base';
import type { DeadLetter } from '@alphapo/contracts';
import { table } from '../lineage/table.ts';
import type { RejectedRecord } from './read-dead-letters.ts';

/** Characters of a record that are shown to people. */
const SHOWN_CHARACTERS = 300;

/** Where a dead letter came from: the producer's own name of the place, and the record's place in its topic. */
function placeOf({ origin, topic, partition, offset }: DeadLetter): string {
  const place = `${topic}/${partition}/${offset}`;
  return origin === undefined ? place : `${origin} (${place})`;
}

/** Two or three lines for people. */
export function describeDeadLetter({ letter, bytes }: RejectedRecord): string {
  const { reason, message, recordBytes } = letter;
  const cut = recordBytes === undefined ? '' : ` (the first ${bytes.length} of its ${recordBytes} bytes are kept)`;
  const record = printable(new TextDecoder().decode(bytes.subarray(0, 4 * SHOWN_CHARACTERS)), SHOWN_CHARACTERS);
  return `${placeOf(letter)}\n  ${reason}: ${message}${cut}\n  ${record}\n`;
}

/** One line of JSON. `record` is the text of the record's bytes; bytes that are no UTF-8 become U+FFFD. */
export function deadLetterJson({ letter, bytes }: RejectedRecord): string {
  const { reason, message, topic, partition, offset, origin, recordBytes } = letter;
  const source = { topic, partition, offset: `${offset}` };
  return `${JSON.stringify({ reason, message, ...source, origin, recordBytes, record: new TextDecoder().decode(bytes) })}\n`;
}

/** How many letters there are of each reason, the most frequent first. */
export function describeCounts(counts: ReadonlyMap<string, number>): string {
  const rows = [...counts].sort(([, a], [, b]) => b - a).map(([reason, count]) => [reason, count]);
  return `${table(['reason', 'records'], rows).join('\n')}\n`;
}
