import { AlphapoError } from '@alphapo/base';
import { DEFAULT_PACK_TOKENS } from '@alphapo/contracts';
import { type ModelDefinition, rotaryTables } from '@alphapo/models';
import { attentionBlocks, attentionFeeds } from './attention-blocks.ts';
import type { LogitLayout } from './head.ts';
import { type Row, responseTokens, rowTokens } from './row.ts';
import type { Feeds, TensorData } from './session.ts';

/** Rows laid end to end on one token axis, with the places whose predictions are wanted. */
export interface Pack {
  readonly feeds: Feeds;
  readonly tokens: number;
  /** For each row and response, where its tokens' log-probabilities start among the head's rows, and how many. */
  readonly spans: readonly (readonly { readonly start: number; readonly count: number }[])[];
  /** Rows of the head, padding included: chunks * chunk size. */
  readonly headRows: number;
}

/** Tokens, and those of them that are responses', of rows in a pack. */
export interface PackSize {
  readonly tokens: number;
  readonly responseTokens: number;
}

/** Limits of packs when scoring; a larger row has a pack of its own. */
export interface PackLimits {
  /** Of any pack. */
  readonly pack: PackSize;
  /** Of a pack with rows of several calls. */
  readonly merged: PackSize;
}

/** Tokens with which scoring runs at full speed: with more, callers would wait for each other and gain nothing. */
const MERGED_TOKENS = 256;

/** Logits that are held at once, in elements (128 MiB): with this bound memory does not grow with the vocabulary. */
const WHOLE_LOGIT_ELEMENTS = 2 ** 25;
/** With a vocabulary in which fewer tokens than these have their logits whole, they come in chunks always. */
const LEAST_WHOLE_TOKENS = 1024;
/** Elements of a chunk of logits, where they are not held whole. */
const CHUNK_LOGIT_ELEMENTS = 2 ** 24;
const MIN_CHUNK_ROWS = 32;

/** The layout of a pack's logits: whole, unless they are too many, or would be in most packs. */
export function logitLayout(rows: readonly Row[], model: ModelDefinition): LogitLayout {
  const responses = rows.reduce((sum, row) => sum + responseTokens(row), 0);
  return responses <= wholeTokens(model) ? 'whole' : 'chunks';
}

/** Most response tokens whose logits are held whole; none where they come in chunks always. */
function wholeTokens({ vocabularySize }: ModelDefinition): number {
  const tokens = Math.floor(WHOLE_LOGIT_ELEMENTS / vocabularySize);
  return tokens < LEAST_WHOLE_TOKENS ? 0 : tokens;
}

/** The size to which packs of a model are filled: so many tokens, and where logits are held whole, no more than these. */
function packLimit(model: ModelDefinition, tokens: number): PackSize {
  return { tokens, responseTokens: wholeTokens(model) || Number.POSITIVE_INFINITY };
}

export function packLimits(model: ModelDefinition): PackLimits {
  return { pack: packLimit(model, DEFAULT_PACK_TOKENS), merged: packLimit(model, MERGED_TOKENS) };
}

export const EMPTY_PACK: PackSize = { tokens: 0, responseTokens: 0 };

/** The size of a pack with one more row. */
export function withRow({ tokens, responseTokens: responses }: PackSize, row: Row): PackSize {
  return { tokens: tokens + rowTokens(row), responseTokens: responses + responseTokens(row) };
}

export function fitsInto({ tokens, responseTokens }: PackSize, limit: PackSize): boolean {
  return tokens <= limit.tokens && responseTokens <= limit.responseTokens;
}

/** Groups rows, in their order, into packs of at most `packTokens`, unless one row alone has more. */
export function groupRows(rows: readonly Row[], model: ModelDefinition, packTokens = DEFAULT_PACK_TOKENS): Row[][] {
  const limit = packLimit(model, packTokens);
  const groups: Row[][] = [];
  let size = EMPTY_PACK;
  for (const row of rows) {
    const grown = withRow(size, row);
    const open = groups.at(-1);
    if (open !== undefined && fitsInto(grown, limit)) {
      open.push(row);
      size = grown;
    } else {
      groups.push([row]);
      size = withRow(EMPTY_PACK, row);
    }
  }
  return groups;
}

/** Rejects rows that cannot be computed: empty prompts or responses, unknown tokens, more positions than the model has. */
export function checkRow(row: Row, index: number, model: ModelDefinition): void {
  const refuse = (reason: string, problem: string): never => {
    throw new AlphapoError('invalid-argument', reason, `item ${index}: ${problem}`, { metadata: { item: `${index}` } });
  };
  if (row.prompt.length === 0) refuse('EMPTY_PROMPT', 'the prompt has no tokens; at least one must precede a response');
  for (const response of row.responses) {
    if (response.length === 0) refuse('EMPTY_RESPONSE', 'a response has no tokens, so it has no mean log-probability');
    if (row.prompt.length + response.length > model.maxPositions) {
      const length = row.prompt.length + response.length;
      refuse('TOO_LONG', `${length} tokens exceed the model's ${model.maxPositions} positions; shorten it`);
    }
  }
  for (const token of [row.prompt, ...row.responses].flat()) {
    if (Number.isInteger(token) && token >= 0 && token < model.vocabularySize) continue;
    refuse('UNKNOWN_TOKEN', `token id ${token} is not below the model's vocabulary size ${model.vocabularySize}`);
  }
}

/** The places of rows that are laid end to end on one token axis. */
interface Layout {
  readonly tokens: BigInt64Array;
  readonly positions: BigInt64Array;
  readonly rows: BigInt64Array;
  readonly branches: BigInt64Array;
}

/** Lays rows out; `onResponse` hears of each response, in order, with the places of the prompt's last token and its own first. */
function layOut(
  rows: readonly Row[],
  onResponse: (row: number, response: readonly number[], places: { lastOfPrompt: number; first: number }) => void,
): Layout {
  const T = rows.reduce((sum, row) => sum + rowTokens(row), 0);
  const column = () => new BigInt64Array(T);
  const layout: Layout = { tokens: column(), positions: column(), rows: column(), branches: column() };
  let t = 0;
  for (const [r, row] of rows.entries()) {
    const place = (ids: readonly number[], branch: number, firstPosition: number) => {
      ids.forEach((id, i) => {
        layout.tokens[t] = BigInt(id);
        layout.positions[t] = BigInt(firstPosition + i);
        layout.rows[t] = BigInt(r);
        layout.branches[t] = BigInt(branch);
        t++;
      });
    };
    place(row.prompt, 0, 0);
    const lastOfPrompt = t - 1;
    for (const [b, response] of row.responses.entries()) {
      onResponse(r, response, { lastOfPrompt, first: t });
      place(response, b + 1, row.prompt.length);
    }
  }
  return layout;
}

/** Inputs of a model's layers for a layout; `windows` are their sliding windows. */
function layerFeeds(
  { tokens, positions, rows: rowIndex, branches }: Layout,
  rows: readonly Row[],
  model: ModelDefinition,
  windows: readonly (number | undefined)[],
): Feeds {
  const T = tokens.length;
  const column = (data: BigInt64Array): TensorData => ({ type: 'i64', shape: [T], data });
  return {
    tokens: column(tokens),
    positions: column(positions),
    rows: column(rowIndex),
    branches: column(branches),
    ...rotaryFeeds(
      model,
      Array.from(positions, Number),
      rows.flatMap((row) => new Array<number>(rowTokens(row)).fill(longestSequence(row))),
    ),
    ...Object.assign({}, ...windows.map((w) => attentionFeeds(attentionBlocks(rows, w), T, blockPrefix(w)))),
  };
}

/** Inputs of a model's layers for rows without predictions. */
export function tokenFeeds(
  rows: readonly Row[],
  model: ModelDefinition,
  windows: readonly (number | undefined)[],
): Feeds {
  return layerFeeds(
    layOut(rows, () => {}),
    rows,
    model,
    windows,
  );
}

/** Lays rows out for the model, with the places of its predictions. */
export function packRows(rows: readonly Row[], model: ModelDefinition, windows: readonly (number | undefined)[]): Pack {
  const heads: { from: number; target: number }[] = [];
  const spans: { start: number; count: number }[][] = rows.map(() => []);
  const layout = layOut(rows, (row, response, { lastOfPrompt, first }) => {
    spans[row]?.push({ start: heads.length, count: response.length });
    // The prompt's last token predicts a response's first; each response token but the last predicts the next.
    response.forEach((target, i) => {
      heads.push({ from: i === 0 ? lastOfPrompt : first + i - 1, target });
    });
  });
  const T = layout.tokens.length;
  const { chunks, size } = headChunks(heads.length, model.vocabularySize, logitLayout(rows, model));
  const from = new BigInt64Array(chunks * size);
  const targets = new BigInt64Array(chunks * size);
  const nothing = BigInt(from.length);
  const width = Math.max(...rows.map(({ responses }) => responses.length));
  const sources = new BigInt64Array(width * T).fill(nothing);
  heads.forEach((head, i) => {
    let place = head.from;
    while (sources[place] !== nothing) place += T;
    sources[place] = BigInt(i);
    from[i] = BigInt(head.from);
    targets[i] = BigInt(head.target);
  });
  return {
    feeds: {
      ...layerFeeds(layout, rows, model, windows),
      head_rows: { type: 'i64', shape: [chunks, size], data: from },
      head_sources: { type: 'i64', shape: [width, T], data: sources },
      targets: { type: 'i64', shape: [chunks, size], data: targets },
    },
    tokens: T,
    spans,
    headRows: chunks * size,
  };
}

/** How the inputs that describe the blocks of attention begin. */
export function blockPrefix(slidingWindow: number | undefined): string {
  return slidingWindow === undefined ? 'blocks_' : `blocks_${slidingWindow}_`;
}

/** Chunks of equal size; fewer than `chunks` rows are padding. */
function headChunks(rows: number, vocabularySize: number, logits: LogitLayout): { chunks: number; size: number } {
  if (logits === 'whole') return { chunks: 1, size: rows };
  const limit = Math.max(MIN_CHUNK_ROWS, Math.floor(CHUNK_LOGIT_ELEMENTS / vocabularySize));
  const chunks = Math.ceil(rows / limit);
  return { chunks, size: Math.ceil(rows / chunks) };
}

/** Rotary tables of tokens at positions [T]; `lengths` [T]: of the longest sequence that each is in. Nothing for models that do not rotate. */
export function rotaryFeeds(
  { rotary }: ModelDefinition,
  positions: ArrayLike<number>,
  lengths: ArrayLike<number>,
): Feeds {
  if (rotary === undefined) return {};
  const { cos, sin } = rotaryTables(rotary, positions, lengths);
  const shape = [1, positions.length, rotary.inverseFrequencies.length];
  return { rotary_cos: { type: 'f32', shape, data: cos }, rotary_sin: { type: 'f32', shape, data: sin } };
}

function longestSequence({ prompt, responses }: Row): number {
  return prompt.length + Math.max(0, ...responses.map((response) => response.length));
}

/** Membership [P, head rows] of one response of each row: 1 where a head row belongs to it. Sums by matrix product. */
export function membership(pack: Pack, response: number): Feeds[string] {
  const data = new Float64Array(pack.spans.length * pack.headRows);
  pack.spans.forEach((spans, r) => {
    const span = spans[response];
    if (span !== undefined) data.fill(1, r * pack.headRows + span.start, r * pack.headRows + span.start + span.count);
  });
  return { type: 'f64', shape: [pack.spans.length, pack.headRows], data };
}
