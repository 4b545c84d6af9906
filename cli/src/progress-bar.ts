/** A part of a progress line; of lower `rank` stay longest where the terminal is narrow. */
export interface ProgressPart {
  readonly text: string;
  readonly rank: number;
}

const SEPARATOR = ' · ';
const LONGEST_BAR = 40;
const SHORTEST_BAR = 10;

/** A bar and what there is to say beside it, as much of both as fits `columns`. */
export function progressLine(share: number, parts: readonly ProgressPart[], columns: number): string {
  const byRank = parts.toSorted((a, b) => a.rank - b.rank);
  for (let kept = byRank.length; kept > 0; kept--) {
    const shown = new Set(byRank.slice(0, kept));
    const text = parts
      .filter((part) => shown.has(part))
      .map((part) => part.text)
      .join(SEPARATOR);
    const room = columns - text.length - 1;
    if (room >= SHORTEST_BAR) return `${bar(share, Math.min(room, LONGEST_BAR))} ${text}`;
    if (kept === 1) return text.slice(0, columns);
  }
  return bar(share, Math.min(columns, LONGEST_BAR));
}

function bar(share: number, length: number): string {
  const done = Math.round(length * Math.min(1, Math.max(0, share)));
  return '█'.repeat(done) + '░'.repeat(length - done);
}

/** A speed with at least two significant digits: `12.3 pairs/s`, or `2.4 s/pair` where it is slow. */
export function describeRate(pairsPerSecond: number): string {
  if (!Number.isFinite(pairsPerSecond) || pairsPerSecond <= 0) return '- pairs/s';
  return pairsPerSecond >= 1 ? `${digits(pairsPerSecond)} pairs/s` : `${digits(1 / pairsPerSecond)} s/pair`;
}

const digits = (value: number) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

/** `45s`, `3m20s`, `2h05m`, `3d04h`. */
export function describeDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(whole / unit)) as [
    number,
    number,
    number,
  ];
  const two = (value: number) => String(value).padStart(2, '0');
  if (days > 0) return `${days}d${two(hours % 24)}h`;
  if (hours > 0) return `${hours}h${two(minutes % 60)}m`;
  return minutes > 0 ? `${minutes}m${two(whole % 60)}s` : `${whole}s`;
}
