/**
 * One line at the bottom of a terminal that changes, such as a progress bar. Everything that the program writes meanwhile
 * appears above it, and the line never takes more than one row.
 */

/** What is shown, at most `columns` wide. */
export type RenderLine = (columns: number) => string;

/** Faster updates cannot be read. */
const DRAW_INTERVAL_MS = 100;
/** A window that is being dragged changes its size many times; the line is drawn once it rests. */
const RESIZE_REST_MS = 200;
const DEFAULT_COLUMNS = 80;
const ERASE_LINE = '\r\u001b[K';

type Write = NodeJS.WriteStream['write'];

export class StatusLine implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  readonly #write: Write;
  readonly #restore: (() => void)[] = [];
  #render: RenderLine;
  #drawn = '';
  #drawnAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #resizing: NodeJS.Timeout | undefined;
  /** Somebody wrote a part of a line: the status line waits for its end. */
  #insideLine = false;
  #stopped = false;

  /** `beside`: streams that write to the same terminal. */
  constructor(stream: NodeJS.WriteStream, render: RenderLine, beside: readonly NodeJS.WriteStream[] = []) {
    this.#stream = stream;
    this.#write = stream.write.bind(stream) as Write;
    this.#render = render;
    for (const each of new Set([stream, ...beside])) if (each.isTTY) this.#makeRoomFor(each);
    this.#listen(stream, 'resize', () => this.#onResize());
    this.#listen(process, 'exit', () => this.stop());
    this.#draw();
  }

  update(render: RenderLine): void {
    this.#render = render;
    if (this.#stopped || this.#timer !== undefined) return;
    const wait = this.#drawnAt + DRAW_INTERVAL_MS - performance.now();
    if (wait <= 0) this.#draw();
    else this.#timer = setTimeout(() => this.#draw(), wait).unref();
  }

  /** Leaves the line as it is, and the cursor below it. */
  stop(): void {
    if (this.#stopped) return;
    clearTimeout(this.#resizing);
    this.#resizing = undefined;
    this.#draw();
    this.#stopped = true;
    for (const restore of this.#restore.splice(0)) restore();
    this.#write('\n');
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#stopped || this.#insideLine || this.#resizing !== undefined) return;
    this.#drawnAt = performance.now();
    // A character in the last column would make some terminals start another row.
    const columns = (this.#stream.columns || DEFAULT_COLUMNS) - 1;
    this.#drawn = [...this.#render(columns)].slice(0, columns).join('');
    this.#write(`${ERASE_LINE}${this.#drawn}`);
  }

  #erase(): void {
    if (this.#drawn === '') return;
    this.#write(ERASE_LINE);
    this.#drawn = '';
  }

  /** What others write goes above the line. */
  #makeRoomFor(stream: NodeJS.WriteStream): void {
    const { write } = stream;
    const original = write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = (...args: unknown[]) => {
      this.#erase();
      const [chunk] = args;
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString();
      const more = original(...args);
      if (text !== '') this.#insideLine = !text.endsWith('\n');
      this.#draw();
      return more;
    };
    this.#restore.push(() => {
      stream.write = write;
    });
  }

  /** A terminal that became narrower may have wrapped the line into rows above: those stay, as nobody can tell them from text. */
  #onResize(): void {
    clearTimeout(this.#resizing);
    this.#resizing = setTimeout(() => {
      this.#resizing = undefined;
      this.#draw();
    }, RESIZE_REST_MS).unref();
  }

  #listen(emitter: NodeJS.EventEmitter, event: string, listener: () => void): void {
    emitter.on(event, listener);
    this.#restore.push(() => emitter.off(event, listener));
  }
}
