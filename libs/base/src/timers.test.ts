import { LONGEST_TIMER_MS, timerMs, within } from './index.ts';

test.each([1_000, LONGEST_TIMER_MS, LONGEST_TIMER_MS + 1, 30 * 86_400_000, 365 * 86_400_000, Number.POSITIVE_INFINITY])(
  'a timer of %p ms does not fire at once, nor does a wait end',
  async (timeMs) => {
    const fired: string[] = [];
    const timer = setTimeout(() => fired.push('timer'), timerMs(timeMs));
    const work = new Promise<string>((resolve) => setTimeout(resolve, 30, 'work'));
    expect(await within(timeMs, work, () => 'late')).toBe('work');
    clearTimeout(timer);
    expect(fired).toEqual([]);
  },
);
