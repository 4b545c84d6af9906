import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DeadLetter, deadLetterFromHeaders } from '@alphapo/contracts';
import type { EventLog } from '@alphapo/messaging';
import { type Dataset, fitsInLog } from './dataset.ts';
import { LOCAL_TOPICS } from './local-run.ts';

/** Of a refused record, in rejected.jsonl. */
const SHOWN_CHARACTERS = 2000;

/** Writes the dead letters, and what was too long to become one, as rejected.jsonl. */
export async function writeRejected(log: EventLog, folder: string, refused: Dataset['rejected']): Promise<void> {
  const topic = LOCAL_TOPICS.deadLetters;
  const { first } = await log.bounds(topic, 0);
  const lines = refused.filter((record) => !fitsInLog(record)).map(({ bytes, ...why }) => rejectedLine(why, bytes));
  for await (const records of log.read(topic, 0, first, { signal: new AbortController().signal, stop: 'at-end' })) {
    for (const { headers, value } of records) lines.push(rejectedLine(deadLetterFromHeaders(headers), value));
  }
  await writeFile(join(folder, 'rejected.jsonl'), lines.join(''));
}

function rejectedLine(why: Pick<DeadLetter, 'origin' | 'reason' | 'message'>, bytes: Uint8Array | null): string {
  const { origin, reason, message } = why;
  const record = bytes === null ? '' : new TextDecoder().decode(bytes).slice(0, SHOWN_CHARACTERS);
  return `${JSON.stringify({ origin, reason, message, record })}\n`;
}
