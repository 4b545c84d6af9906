import { PassThrough } from 'node:stream';
import headless from '@xterm/headless';

const { Terminal } = headless;
type Terminal = InstanceType<typeof Terminal>;

/** Enough for all that a test prints. */
const SCROLLBACK = 5_000;

/** A terminal that nobody sees: what a person would read on it, from what a program wrote to it. */
export class Screen {
  readonly #terminal: Terminal;

  constructor(columns: number, rows = 24) {
    this.#terminal = new Terminal({
      cols: columns,
      rows,
      scrollback: SCROLLBACK,
      allowProposedApi: true,
      convertEol: true,
    });
  }

  write(data: string | Uint8Array): void {
    this.#terminal.write(data);
  }

  resize(columns: number): void {
    this.#terminal.resize(columns, this.#terminal.rows);
  }

  /** All rows, those that were scrolled away first. */
  async rows(): Promise<string[]> {
    await this.#settled();
    const { active } = this.#terminal.buffer;
    const rows = Array.from({ length: active.length }, (_, i) => active.getLine(i)?.translateToString(true) ?? '');
    return withoutEmptyEnd(rows);
  }

  /** Lines as they were printed: rows that the terminal wrapped are joined. */
  async lines(): Promise<string[]> {
    await this.#settled();
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let i = 0; i < active.length; i++) {
      const row = active.getLine(i);
      const goesOn = active.getLine(i + 1)?.isWrapped ?? false;
      const text = row?.translateToString(!goesOn) ?? '';
      if (row?.isWrapped) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return withoutEmptyEnd(lines);
  }

  #settled(): Promise<void> {
    return new Promise((resolve) => this.#terminal.write('', resolve));
  }
}

function withoutEmptyEnd(lines: readonly string[]): string[] {
  const last = lines.findLastIndex((line) => line !== '');
  return lines.slice(0, last + 1);
}

/** A stream of this process that writes to a screen as standard error writes to a terminal. */
export function terminalStream(screen: Screen, columns: number): NodeJS.WriteStream {
  const stream = new PassThrough();
  stream.on('data', (data: Uint8Array) => screen.write(data));
  return Object.assign(stream, { isTTY: true, columns }) as unknown as NodeJS.WriteStream;
}
