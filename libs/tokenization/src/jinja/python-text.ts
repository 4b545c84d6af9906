/** Text as Python sees it: code points, its own white space, `repr`. */

/** White space of `str.isspace` and `\s`: unlike JavaScript's, without U+FEFF and with U+0085 and U+001C–U+001F. */
const SPACE = String.raw`\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;
const LEADING_SPACE = new RegExp(`^[${SPACE}]+`);
const SPACES = new RegExp(`[${SPACE}]+`);
const ONLY_SPACE = new RegExp(`^[${SPACE}]+$`);
const SPACE_CHARACTER = new RegExp(`[${SPACE}]`);
const LINE_ENDS = String.raw`\n\r\v\f\x1c-\x1e\x85\u2028\u2029`;
const LINE_END = new RegExp(`\\r\\n|[${LINE_ENDS}]`);

export const isSpace = (text: string) => ONLY_SPACE.test(text);

/** Length of the leading white space of a text. */
export const leadingSpace = (text: string) => LEADING_SPACE.exec(text)?.[0].length ?? 0;

/** Code points of a text, each as a string. */
export const characters = (text: string): string[] => Array.from(text);

export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/** `str.strip`, `lstrip` and `rstrip`: removes white space, or any of the given characters. */
export function strip(text: string, of: string | undefined, sides: 'both' | 'left' | 'right'): string {
  const isStripped = of === undefined ? (one: string) => SPACE_CHARACTER.test(one) : (one: string) => of.includes(one);
  const all = of === undefined ? text : characters(text);
  let [start, end] = [0, all.length];
  if (sides !== 'right') while (start < end && isStripped(all[start] as string)) start++;
  if (sides !== 'left') while (end > start && isStripped(all[end - 1] as string)) end--;
  return typeof all === 'string' ? all.slice(start, end) : all.slice(start, end).join('');
}

/** `str.split`, from the left or (`rsplit`) from the right. `most`: maximum number of splits; -1: no limit. */
export function split(text: string, separator: string | undefined, most: number, from: 'left' | 'right'): string[] {
  if (separator === '') throw new Error('empty separator');
  if (separator === undefined) return splitAtSpace(text, most, from);
  const parts = text.split(separator);
  if (most < 0 || parts.length <= most + 1) return parts;
  return from === 'left'
    ? [...parts.slice(0, most), parts.slice(most).join(separator)]
    : [parts.slice(0, parts.length - most).join(separator), ...parts.slice(parts.length - most)];
}

function splitAtSpace(text: string, most: number, from: 'left' | 'right'): string[] {
  const words: string[] = [];
  let rest = strip(text, undefined, from);
  while (rest !== '' && words.length !== most) {
    const pieces = rest.split(SPACES);
    const word = (from === 'left' ? pieces[0] : pieces.at(-1)) as string;
    words.push(word);
    const left = from === 'left' ? rest.slice(word.length) : rest.slice(0, rest.length - word.length);
    rest = strip(left, undefined, from);
  }
  if (rest !== '') words.push(rest);
  return from === 'left' ? words : words.reverse();
}

/** `str.splitlines`. */
export function lines(text: string): string[] {
  const parts = text.split(LINE_END);
  return parts.at(-1) === '' ? parts.slice(0, -1) : parts;
}

/** `str.capitalize`. */
export function capitalize(text: string): string {
  const [first = '', ...others] = characters(text);
  return first.toUpperCase() + others.join('').toLowerCase();
}

/** `str.title`: each run of letters begins with a capital. */
export const title = (text: string) => text.replace(/\p{L}+/gu, capitalize);

const ESCAPES = new Map([
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** `repr` of a string. */
export function reprOfText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\\p{C}\p{Zl}\p{Zp}\p{Zs}'"]/gu, (one) => {
    if (one === ' ' || ((one === "'" || one === '"') && one !== quote)) return one;
    if (one === quote) return `\\${one}`;
    return ESCAPES.get(one) ?? codeEscape(one.codePointAt(0) as number);
  });
  return quote + body + quote;
}

function codeEscape(code: number): string {
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/** `repr` of a float: the shortest digits, with an exponent from 1e16 on and below 1e-4. */
export function reprOfFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) {
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  const plain = power < 0 ? value.toFixed(Math.max(0, digits.replace(/[-.]/g, '').length - 1 - power)) : String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}
