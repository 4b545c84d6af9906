/** What happened when, in seconds since the clock was started. */
export class Times {
  readonly #started = performance.now();
  readonly #events: { readonly what: string; readonly at: number; readonly took: number | undefined }[] = [];

  /** Notes that something has happened. */
  mark(what: string, tookSeconds?: number): void {
    const at = (performance.now() - this.#started) / 1000;
    this.#events.push({ what, at, took: tookSeconds });
    console.log(
      `${at.toFixed(1).padStart(7)} s  ${what}${tookSeconds === undefined ? '' : ` (${tookSeconds.toFixed(1)} s)`}`,
    );
  }

  /** Does something and notes how long it took. */
  async of<T>(what: string, action: () => T | Promise<T>): Promise<T> {
    const began = performance.now();
    const result = await action();
    this.mark(what, (performance.now() - began) / 1000);
    return result;
  }

  /** All that happened, as a table in Markdown. */
  table(): string {
    const rows = this.#events.map(({ what, at, took }) => `| ${at.toFixed(1)} | ${took?.toFixed(1) ?? ''} | ${what} |`);
    return ['| at (s) | took (s) | |', '|---|---|---|', ...rows].join('\n');
  }
}
