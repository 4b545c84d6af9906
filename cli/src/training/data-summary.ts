import type { RecordFacts } from '@alphapo/data';
import type { TokenizerPool } from '@alphapo/tokenization';
import type { DecodedPair } from './decoded-pair.ts';
import { duplicatesIn, type TokenPair } from './hold-out.ts';

type ChatTemplateDescription = TokenizerPool['description']['chatTemplate'];

/** A record that became a pair, as far as a summary needs it. */
interface ReadPair extends TokenPair {
  readonly facts: RecordFacts;
  /** What its tokens were made from; `messages`: by the chat template. */
  readonly from: 'text' | 'messages' | 'tokens';
  /** Tokens that the limits cut off. */
  readonly truncated: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
}

/** A record that did not. */
interface RefusedRecord {
  /** `file:line`. */
  readonly origin: string;
  readonly reason: string;
  readonly message: string;
}

/** What records are, and what was made of them. Lists begin with what is most frequent. */
export interface DataSummary {
  readonly pairs: number;
  readonly forms: readonly { readonly form: string; readonly prompt: RecordFacts['prompt']; readonly pairs: number }[];
  /** Pairs whose prompt is what both responses begin with. */
  readonly implicitPrompts: number;
  /** Pairs that are plain text, so that no chat template is used. */
  readonly plainText: number;
  readonly ignoredFields: readonly { readonly field: string; readonly records: number }[];
  /** Pairs that lost tokens to the limits. */
  readonly truncated: number;
  /** Pairs that are the same as an earlier one. */
  readonly duplicates: number;
  readonly refused: readonly { readonly reason: string; readonly records: number; readonly example: RefusedRecord }[];
}

/** What is read from files, and what is trained: for people, and for summary.json. */
export interface DataReport extends DataSummary {
  readonly chatTemplate: ChatTemplateDescription;
  /** A pair that is trained on, by its id. */
  readonly example: (DecodedPair & { readonly id: string }) | undefined;
}

/** Counts what was read. */
export function summarizeData(data: {
  readonly pairs: readonly ReadPair[];
  readonly rejected: readonly RefusedRecord[];
}): DataSummary {
  const { pairs, rejected } = data;
  const forms = grouped(pairs, ({ facts: { form, prompt } }) => JSON.stringify([form, prompt]));
  const fields = pairs.flatMap(({ facts }) => facts.ignored);
  const reasons = grouped(rejected, ({ reason }) => reason);
  return {
    pairs: pairs.length,
    forms: forms.map(([first, count]) => ({ form: first.facts.form, prompt: first.facts.prompt, pairs: count })),
    implicitPrompts: pairs.filter(({ facts }) => facts.prompt === 'implicit').length,
    plainText: pairs.filter(({ from }) => from === 'text').length,
    ignoredFields: grouped(fields, (field) => field).map(([field, records]) => ({ field, records })),
    truncated: pairs.filter(({ truncated: { prompt, chosen, rejected } }) => prompt + chosen + rejected > 0).length,
    duplicates: duplicatesIn(pairs),
    refused: reasons.map(([{ origin, reason, message }, records]) => ({
      reason,
      records,
      example: { origin, reason, message },
    })),
  };
}

/** The first item of each group, and how many there are; large groups first. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): [first: T, count: number][] {
  return [...Map.groupBy(items, keyOf).values()]
    .map((group): [T, number] => [group[0] as T, group.length])
    .sort(([, a], [, b]) => b - a);
}

/** A summary in lines. */
export function describeData(summary: DataSummary): string[] {
  const { pairs, forms, implicitPrompts, ignoredFields, duplicates, refused } = summary;
  const formList = forms.map(({ form, prompt, pairs: count }) =>
    prompt === 'implicit' ? `${form} with implicit prompt ${count}` : `${form} ${count}`,
  );
  const lines = [`data: ${counted(pairs, 'pair')}${formList.length > 0 ? ` (${formList.join(', ')})` : ''}`];
  if (implicitPrompts > 0) {
    lines.push(
      `${counted(implicitPrompts, 'pair')} without a prompt field: the prompt is the common beginning of both responses`,
    );
  }
  if (ignoredFields.length > 0) {
    const names = ignoredFields.map(({ field, records }) => `${field} (${records})`);
    lines.push(`ignored fields, with the number of records that have them: ${names.join(', ')}`);
  }
  if (duplicates > 0)
    lines.push(`${counted(duplicates, 'pair')} ${duplicates === 1 ? 'repeats' : 'repeat'} an earlier one`);
  for (const { reason, records, example } of refused) {
    lines.push(`refused ${counted(records, 'record')}: ${reason}, such as ${example.origin}: ${example.message}`);
  }
  return lines;
}

/** A pair's three parts in lines, shortened in the middle, with line breaks as \n. `width` is in characters. */
export function describePair(
  { id, prompt, chosen, rejected }: DecodedPair & { readonly id: string },
  width: number,
): string[] {
  const parts = Object.entries({ prompt, chosen, rejected });
  return [
    `for example ${id}, as the model sees it:`,
    ...parts.map(([name, text]) => `  ${name.padEnd(8)} ${shortened(text, width - 11)}`),
  ];
}

/** Where the chat template comes from, and whether there are pairs that do not use it. */
export function describeTemplate(
  { source, place }: ChatTemplateDescription,
  { plainText }: Pick<DataSummary, 'plainText'>,
): string[] {
  const places = {
    model: `the model's own, ${place}`,
    'built-in': `${place}, built in`,
    file: place,
    fallback: 'the model has none, so conversations are rendered as plain transcripts ("Human:", "Assistant:")',
    none: 'the model folder has no tokenizer.json, so only token ids are read',
  } satisfies Record<typeof source, string>;
  const lines = [`chat template: ${places[source]}`];
  if (plainText > 0 && source !== 'fallback') {
    const pairs = plainText === 1 ? '1 pair is plain text and does' : `${plainText} pairs are plain text and do`;
    lines.push(`${pairs} not use the chat template; to use it, provide messages or --columns question=prompt`);
  }
  return lines;
}

/** Beginning and end of a text in a line. */
function shortened(text: string, width: number): string {
  // As JSON, control characters and line breaks are visible; the quotes show white space at both ends.
  const line = JSON.stringify(text);
  if (line.length <= width) return line;
  const room = Math.max(8, width - 3);
  const end = Math.floor(room / 3);
  return `${line.slice(0, room - end)} … ${line.slice(-end)}`;
}

/** A count with its noun, as "1 pair" or "2 pairs". */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
