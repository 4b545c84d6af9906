/** A number as people write it, or what is wrong with it and how to write it. */
export type WrittenNumber =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly problem: string };

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** Reads `5`, `-0.5`, `1e-6`. */
export function readNumber(text: string): WrittenNumber {
  const trimmed = text.trim();
  if (NUMBER.test(trimmed) && Number.isFinite(Number(trimmed))) return { ok: true, value: Number(trimmed) };
  if (trimmed === '') return { ok: false, problem: 'needs a number' };
  const written = correction(trimmed);
  return {
    ok: false,
    problem: `${JSON.stringify(text)} is not a number${written === undefined ? '' : `; write ${written}`}`,
  };
}

/** How the number would have to be written, where it can be told. */
function correction(text: string): string | undefined {
  const candidates = /^[-+]?\d{1,3}(,\d{3})+$/.test(text)
    ? [text.replaceAll(',', ''), ...(text.split(',').length === 2 ? [text.replace(',', '.')] : [])]
    : [text.replaceAll(/[_ ']/g, ''), text.replace(',', '.'), text.replace(/%$/, '') === text ? '' : percent(text)];
  const numbers = candidates.filter((candidate) => candidate !== text && NUMBER.test(candidate));
  return numbers.length === 0 ? undefined : [...new Set(numbers)].join(' or ');
}

/** `5%` is 0.05. */
function percent(text: string): string {
  const value = Number(text.slice(0, -1).replace(',', '.')) / 100;
  return Number.isFinite(value) ? String(value) : '';
}
