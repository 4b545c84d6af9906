import { tokenize } from '@huggingface/jinja';
import { isSpace, leadingSpace, strip } from './python-text.ts';

/**
 * Splits a template into text and tags, with the white space that Jinja2 keeps under transformers' settings (`trim_blocks`,
 * `lstrip_blocks`, no trailing newline). @huggingface/jinja parses the content of tags.
 */

/** A token as the parser of @huggingface/jinja expects it. */
export interface Token {
  readonly value: string;
  readonly type: string;
}

/** A `{% generation %}` block becomes a call of a macro that returns its body. */
export const GENERATION = 'generation_block';

const CLOSING = { '{{': '}}', '{%': '%}', '{#': '#}' } as const;
type Opening = keyof typeof CLOSING;

/** Errors: SyntaxError for a tag that is not closed. */
export function scan(template: string): Token[] {
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  const tokens: Token[] = [];
  let at = 0;
  let isLineStart = true;
  while (at < source.length) {
    const start = nextTag(source, at);
    const tag = readTag(source, start);
    const text = textBefore(source.slice(at, start), tag, isLineStart);
    if (text !== '') tokens.push({ value: text, type: 'Text' });
    if (tag === undefined) break;
    tokens.push(...tokensOf(tag));
    isLineStart = source[tag.end - 1] === '\n';
    at = tag.end;
  }
  return tokens;
}

interface Tag {
  readonly opening: Opening;
  readonly sign: string;
  readonly inside: string;
  /** Index of the text after the tag. */
  readonly end: number;
  /** Verbatim text of a raw block. */
  readonly raw?: string;
}

function nextTag(source: string, from: number): number {
  const at = source.slice(from).search(/\{[{%#]/);
  return at < 0 ? source.length : from + at;
}

function readTag(source: string, start: number): Tag | undefined {
  if (start >= source.length) return undefined;
  const opening = source.slice(start, start + 2) as Opening;
  const sign = /[-+]/.test(source[start + 2] ?? '') ? (source[start + 2] as string) : '';
  const from = start + 2 + sign.length;
  const close = opening === '{#' ? source.indexOf('#}', from) : closingOf(source, from, CLOSING[opening]);
  if (close < 0) throw new SyntaxError(`a ${opening} has no ${CLOSING[opening]}`);
  const hasSign =
    close > from && /[-+]/.test(source[close - 1] as string) && !(opening === '{{' && source[close - 1] === '+');
  const inside = source.slice(from, hasSign ? close - 1 : close);
  const endSign = hasSign ? source[close - 1] : '';
  const end = afterTag(source, close + 2, endSign as string, opening);
  if (opening === '{%' && inside.trim() === 'raw')
    return readRaw(source, { opening, sign, inside, end }, close + 2, endSign as string);
  return { opening, sign, inside, end };
}

/** Where the text continues: after all white space if the tag ends with `-`, after a newline if it is a block or a comment. */
function afterTag(source: string, at: number, sign: string, opening: Opening): number {
  if (sign === '-') return at + leadingSpace(source.slice(at));
  return sign === '' && opening !== '{{' && source[at] === '\n' ? at + 1 : at;
}

/** Finds the closing mark of a tag; marks within quotes or brackets do not count. */
function closingOf(source: string, from: number, closing: string): number {
  let depth = 0;
  for (let at = from; at < source.length; at++) {
    const one = source[at] as string;
    if (depth === 0 && source.startsWith(closing, at)) return at;
    if (one === '"' || one === "'") at = endOfQuote(source, at, one);
    else if ('([{'.includes(one)) depth++;
    else if (')]}'.includes(one)) depth--;
  }
  return -1;
}

function endOfQuote(source: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < source.length && source[at] !== quote) at += source[at] === '\\' ? 2 : 1;
  return at;
}

function readRaw(source: string, tag: Tag, from: number, endSign: string): Tag {
  const start = endSign === '-' ? from + leadingSpace(source.slice(from)) : from;
  const found = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/.exec(source.slice(start));
  if (found === null) throw new SyntaxError('a {% raw %} has no {% endraw %}');
  const [whole, before = '', after = ''] = found;
  const text = source.slice(start, start + found.index);
  const close = start + found.index + whole.length;
  const ending: Tag = { opening: '{%', sign: before, inside: '', end: close };
  return { ...tag, raw: textBefore(text, ending, false), end: afterTag(source, close, after, '{%') };
}

function textBefore(text: string, tag: Tag | undefined, isLineStart: boolean): string {
  if (tag?.sign === '-') return strip(text, undefined, 'right');
  if (tag === undefined || tag.sign === '+' || tag.opening === '{{') return text;
  const line = text.lastIndexOf('\n') + 1;
  return (line > 0 || isLineStart) && isSpace(text.slice(line)) ? text.slice(0, line) : text;
}

function tokensOf({ opening, inside, raw }: Tag): readonly Token[] {
  if (raw !== undefined) return raw === '' ? [] : [{ value: raw, type: 'Text' }];
  if (opening === '{#') return [];
  const name = inside.trim();
  const generation = { generation: `call ${GENERATION}()`, endgeneration: 'endcall' }[name];
  const body = opening === '{%' && generation !== undefined ? generation : inside;
  return withCalledTests(tokenize(`${opening} ${body} ${CLOSING[opening]}`));
}

/** The parser does not support arguments of tests: `x is name(a)` and `x is name a` become the filter `x | "is name"(a)`. */
function withCalledTests(tokens: readonly Token[]): Token[] {
  const made: Token[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const isNegated = isName(tokens[at + 1], 'not');
    const name = at + (isNegated ? 2 : 1);
    const argument = tokens[name + 1];
    const isBracket = argument?.type === 'OpenSquareBracket' || argument?.type === 'OpenParen';
    if (!isName(tokens[at], 'is') || !(isBracket || isOperand(argument))) {
      made.push(tokens[at] as Token);
      continue;
    }
    const end = isBracket ? endOfBracket(tokens, name + 1) : name + 2;
    const given = tokens.slice(name + 1, end);
    const isCall = argument?.type === 'OpenParen';
    made.push({ value: '|', type: 'Pipe' });
    made.push({ value: `is ${isNegated ? 'not ' : ''}${tokens[name]?.value}`, type: 'Identifier' });
    made.push(...(isCall ? given : [{ value: '(', type: 'OpenParen' }, ...given, { value: ')', type: 'CloseParen' }]));
    at = end - 1;
  }
  return made;
}

const isName = (token: Token | undefined, name: string) => token?.type === 'Identifier' && token.value === name;

/** A word after the name of a test is an argument of the test, unless it is an operator. */
const OPERATORS = new Set(['and', 'or', 'is', 'in', 'not', 'if', 'else']);
const isOperand = (token: Token | undefined) =>
  token !== undefined &&
  (['StringLiteral', 'NumericLiteral'].includes(token.type) ||
    (token.type === 'Identifier' && !OPERATORS.has(token.value)));

function endOfBracket(tokens: readonly Token[], start: number): number {
  let depth = 0;
  for (let at = start; at < tokens.length; at++) {
    if (/^Open/.test(tokens[at]?.type ?? '')) depth++;
    if (/^Close/.test(tokens[at]?.type ?? '') && --depth === 0) return at + 1;
  }
  return tokens.length;
}
